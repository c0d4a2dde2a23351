import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import type { ConstructContext } from './construct-context.ts';
import { removalPolicyOf } from './removal-policy.ts';

/**
 * The sync's own table: the catalog of ids by name, the ledger of requests, the consumer's progress, leases, which backfills run, who
 * fails again and again, which user has which email and contact, and the records of who has gone. All of it but those records can be made
 * again.
 */
export class SyncTable extends Table {
  constructor(scope: Construct, id: string, { config, encryption }: ConstructContext) {
    super(scope, id, {
      partitionKey: { name: 'id', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      ...encryption.ofTable,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: removalPolicyOf(config),
    });
  }
}
