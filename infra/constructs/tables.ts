import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { ConstructContext } from './construct-context.ts';

/** The app's table of users: an existing one, or a new one. */
export class UserTable extends Construct {
  readonly tableName: string;
  readonly tableArn: string;
  readonly streamArn: string;

  constructor(scope: Construct, id: string, { config, encryption }: ConstructContext) {
    super(scope, id);
    const { userTable } = config;
    const isRetained = config.removalPolicy === 'retain';
    const table = userTable
      ? Table.fromTableAttributes(this, 'Table', {
          tableArn: userTable.arn,
          tableStreamArn: userTable.streamArn,
        })
      : new Table(this, 'Table', {
          partitionKey: { name: 'userId', type: AttributeType.STRING },
          billingMode: BillingMode.PAY_PER_REQUEST,
          ...encryption.ofTable,
          stream: StreamViewType.NEW_AND_OLD_IMAGES,
          pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
          deletionProtection: isRetained,
          // Retained after a failed first deployment too: a rollback cannot delete a protected table, and would fail.
          removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
        });
    if (!table.tableStreamArn) throw new Error('The user table has no stream');
    this.tableName = table.tableName;
    this.tableArn = table.tableArn;
    this.streamArn = table.tableStreamArn;
  }
}

/**
 * The sync's own table: the CRM's catalog, the request ledger, leases, claims, progress, polls, running backfills, failing users and
 * erasure records. docs/sync-table.md lists all items.
 */
export class SyncTable extends Table {
  constructor(scope: Construct, id: string, { encryption, removalPolicy }: ConstructContext) {
    super(scope, id, {
      partitionKey: { name: 'id', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      ...encryption.ofTable,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy,
    });
  }
}
