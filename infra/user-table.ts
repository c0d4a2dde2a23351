import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { PartProps } from './part-props.ts';
import { removalPolicyOf } from './removal-policy.ts';

/** The application's table of users: one that is there already, or a new one. */
export class UserTable extends Construct {
  readonly tableName: string;
  readonly tableArn: string;
  readonly streamArn: string;

  constructor(scope: Construct, id: string, { config, encryption }: PartProps) {
    super(scope, id);
    const { userTable, removalPolicy } = config;
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
          deletionProtection: removalPolicy === 'retain',
          removalPolicy: removalPolicyOf(config),
        });
    if (!table.tableStreamArn) throw new Error('The user table has no stream');
    this.tableName = table.tableName;
    this.tableArn = table.tableArn;
    this.streamArn = table.tableStreamArn;
  }
}
