import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config } from './config.ts';
import { Backfill } from './constructs/backfill.ts';
import { ChangeFeed } from './constructs/change-feed.ts';
import { ContactSync } from './constructs/contact-sync.ts';
import { CrmSecret } from './constructs/crm-secret.ts';
import { Encryption } from './constructs/encryption.ts';
import { HealthCheck } from './constructs/health-check.ts';
import { SyncTable } from './constructs/sync-table.ts';
import { UserTable } from './constructs/user-table.ts';
import { Alarms } from './monitoring/alarms.ts';
import { OperationsDashboard } from './monitoring/dashboard.ts';

export interface UserSyncStackProps extends StackProps {
  config: Config;
}

/**
 * The whole system:
 *
 *     user table ──stream──▶ diff-user ──FIFO queue──▶ sync-contact ──▶ CRM
 *     user table ──scan──▶ backfill ───────┘
 *
 * Every five minutes check-health measures whether that works, for the alarms.
 */
export class UserSyncStack extends Stack {
  constructor(scope: Construct, id: string, { config, ...props }: UserSyncStackProps) {
    super(scope, id, { ...props, stackName: config.stackName });

    const common = { config, encryption: new Encryption(this, 'Encryption', config) };
    const userTable = new UserTable(this, 'Users', common);
    const syncTable = new SyncTable(this, 'SyncTable', common);
    const secret = new CrmSecret(this, 'Crm', common);
    const contactSync = new ContactSync(this, 'ContactSync', { ...common, userTable, syncTable, secret });
    const { queue } = contactSync;
    const changeFeed = new ChangeFeed(this, 'ChangeFeed', { ...common, userTable, queue });
    const backfill = new Backfill(this, 'Backfill', { ...common, userTable, syncTable, queue });

    new HealthCheck(this, 'HealthCheck', { ...common, syncTable, queue });

    const watched = { ...common, contactSync, changeFeed, backfill, secret };
    const alarms = new Alarms(this, 'Alarms', watched);
    const dashboard = new OperationsDashboard(this, 'Dashboard', { ...watched, alarms });

    const outputs = {
      UserTableName: userTable.tableName,
      SyncTableName: syncTable.tableName,
      QueueUrl: contactSync.queue.queueUrl,
      DeadLetterQueueUrl: contactSync.deadLetterQueue.queueUrl,
      StreamFailureQueueUrl: changeFeed.failureQueue.queueUrl,
      CrmUrl: config.crm.url,
      QuotaSettings: JSON.stringify({
        limits: config.crm.limits,
        liveReserve: config.backfill.liveReserve,
        tagBatch: config.crm.tagBatch,
      }),
      Mapping: config.mapping,
      DeletionPolicy: config.deletionPolicy,
      SecretArn: secret.secretArn,
      AlarmTopicArn: alarms.topic.topicArn,
      DashboardName: dashboard.dashboardName,
      DiffUserFunctionName: changeFeed.diffUser.functionName,
      SyncContactFunctionName: contactSync.syncContact.functionName,
      LogGroupNames: this.toJsonString(
        [changeFeed.diffUser, contactSync.syncContact].map(({ logGroup }) => logGroup.logGroupName),
      ),
      BackfillStateMachineArn: backfill.stateMachine.stateMachineArn,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}
