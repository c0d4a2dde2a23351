import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import type { Config, EventSettings } from './config.ts';
import { Backfill } from './constructs/backfill.ts';
import { ChangeFeed } from './constructs/change-feed.ts';
import { ContactSync } from './constructs/contact-sync.ts';
import { CrmEvents } from './constructs/crm-events.ts';
import { CrmSecret } from './constructs/crm-secret.ts';
import { Encryption } from './constructs/encryption.ts';
import { HealthCheck } from './constructs/health-check.ts';
import { SyncTable, UserTable } from './constructs/tables.ts';
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
 * With the setting `events`, sync-contact also polls the CRM and publishes what people change there: see `CrmEvents`.
 * check-health measures every five minutes whether changes reach diff-user and the CRM, and alarms watch its metrics.
 */
export class UserSyncStack extends Stack {
  constructor(scope: Construct, id: string, { config, ...props }: UserSyncStackProps) {
    super(scope, id, { ...props, stackName: config.stackName });

    const removalPolicy = removalPolicyOf(config);
    const encryption = new Encryption(this, 'Encryption', { config, removalPolicy });
    const scheduleGroup = new ScheduleGroup(this, 'Schedules', { removalPolicy: RemovalPolicy.DESTROY });
    const context = { config, encryption, scheduleGroup, removalPolicy };
    const userTable = new UserTable(this, 'Users', context);
    const syncTable = new SyncTable(this, 'SyncTable', context);
    const secret = new CrmSecret(this, 'Crm', context);
    const contactSync = new ContactSync(this, 'ContactSync', { ...context, userTable, syncTable, secret });
    const { queue } = contactSync;
    const changeFeed = new ChangeFeed(this, 'ChangeFeed', { ...context, userTable, queue });
    const backfill = new Backfill(this, 'Backfill', { ...context, userTable, syncTable, queue });
    const crmEvents =
      config.events && new CrmEvents(this, 'CrmEvents', { ...context, events: config.events, contactSync });
    new HealthCheck(this, 'HealthCheck', { ...context, userTable, syncTable, changeFeed, queue });

    const system = {
      config,
      encryption,
      scheduleGroup,
      contactSync,
      changeFeed,
      backfill,
      secret,
      crmEvents,
    };
    const alarms = new Alarms(this, 'Alarms', system);
    const dashboard = new OperationsDashboard(this, 'Dashboard', { ...system, alarms });

    const outputs = {
      UserTableName: userTable.tableName,
      SyncTableName: syncTable.tableName,
      QueueUrl: queue.queueUrl,
      DeadLetterQueueUrl: contactSync.deadLetterQueue.queueUrl,
      StreamFailureQueueUrl: changeFeed.failureQueue.queueUrl,
      CrmUrl: config.crm.url,
      QuotaSettings: JSON.stringify({
        limits: config.crm.limits,
        liveReserve: config.backfill.liveReserve,
        tagBatch: config.crm.tagBatch,
        windowSlackMs: config.crm.windowSlackMs,
      }),
      Mapping: config.mapping,
      DeletionPolicy: config.deletionPolicy,
      SecretArn: secret.secretArn,
      AlarmTopicArn: alarms.topic.topicArn,
      DashboardName: dashboard.dashboardName,
      ChangeFeedMappingId: changeFeed.mappingId,
      DiffUserFunctionName: changeFeed.diffUser.functionName,
      SyncContactFunctionName: contactSync.syncContact.functionName,
      LogGroupNames: this.toJsonString(
        [changeFeed.diffUser, contactSync.syncContact].map(({ logGroup }) => logGroup.logGroupName),
      ),
      BackfillStateMachineArn: backfill.stateMachine.stateMachineArn,
      EventSettings: config.events ? this.toJsonString(pollSettingsOf(config.events)) : 'off',
      EventBusArn: crmEvents?.bus.eventBusArn ?? 'off',
      CallbackQueueUrl: crmEvents?.callback?.queue.queueUrl ?? 'off',
      CallbackDeadLetterQueueUrl: crmEvents?.callback?.deadLetterQueue.queueUrl ?? 'off',
      CallbackSecretArn: crmEvents?.callback?.secretArn ?? 'off',
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/** The settings that the command `events` needs. */
const pollSettingsOf = ({ intervalMinutes, optOutMinutes, listing, resources }: EventSettings) => ({
  intervalMinutes,
  optOutMinutes,
  listing,
  resources,
});

/**
 * Policy of resources that hold data. A retained resource is still deleted when the deployment that creates it fails: it is empty, and
 * would block the next deployment (AWS CloudFormation, "DeletionPolicy attribute").
 */
const removalPolicyOf = ({ removalPolicy }: Config): RemovalPolicy =>
  removalPolicy === 'retain' ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
