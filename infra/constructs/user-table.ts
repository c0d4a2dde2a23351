import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { ConstructContext } from './construct-context.ts';

/** The application's table of users: one that is there already, or a new one. */
export class UserTable extends Construct {
  readonly tableName: string;
  readonly tableArn: string;
  readonly streamArn: string;

  constructor(scope: Construct, id: string, { config, encryption }: ConstructContext) {
    super(scope, id);
    const { userTable } = config;
    const isKept = config.removalPolicy === 'retain';
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
          deletionProtection: isKept,
          // A failed first deploy keeps it too, unlike other resources: a rollback cannot delete a protected table, and would fail.
          removalPolicy: isKept ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
        });
    if (!table.tableStreamArn) throw new Error('The user table has no stream');
    this.tableName = table.tableName;
    this.tableArn = table.tableArn;
    this.streamArn = table.tableStreamArn;
  }
}
