import { Duration, Names, TimeZone } from 'aws-cdk-lib';
import { EventBus, type IEventBus, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { type IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { EVENT_SOURCE } from '../../shared/events/event-types.ts';
import { SCHEDULE_RETRIES } from '../../shared/quota/retry-policy.ts';
import { POLL_GROUP, type PollMessage } from '../../shared/sync/message.ts';
import type { EventSettings } from '../config.ts';
import type { ConstructContext } from './construct-context.ts';
import type { ContactSync } from './contact-sync.ts';
import { keyActions } from './encryption.ts';
import { EventCallback } from './event-callback.ts';
import { scheduleRole } from './schedule-role.ts';

/** Longest name of a rule (EventBridge API reference, `PutRule`). */
const MAX_RULE_NAME = 64;
const CALLBACK_SUFFIX = '-callback';

export interface CrmEventsProps extends ConstructContext {
  events: EventSettings;
  contactSync: ContactSync;
}

/**
 * Changes made in the CRM → events:
 *
 *     schedules ──▶ queue ──▶ sync-contact ──▶ bus ──rule──▶ a queue of the app
 *                                               └───rule──▶ queue ──▶ send-callback ──▶ the app
 */
export class CrmEvents extends Construct {
  readonly bus: EventBus | IEventBus;
  /** Undefined if the app has no callback. */
  readonly callback: EventCallback | undefined;
  /** Names of the rules that send events to the queue of the app and to that of the callback. Undefined if the app has none. */
  readonly queueRuleName: string | undefined;
  readonly callbackRuleName: string | undefined;

  constructor(scope: Construct, id: string, props: CrmEventsProps) {
    super(scope, id);
    const { config, events, contactSync } = props;
    this.bus =
      events.bus === 'create'
        ? new EventBus(this, 'Bus', { eventBusName: `${config.stackName}-events` })
        : EventBus.fromEventBusArn(this, 'Bus', events.bus);
    const { syncContact } = contactSync;
    const source = `/${EVENT_SOURCE}/${config.stackName}`;
    syncContact.addEnvironment('EVENT_BUS', this.bus.eventBusArn);
    syncContact.addEnvironment('EVENT_SOURCE', source);
    if (events.resources.length > 0) syncContact.addEnvironment('EVENT_RESOURCES', events.resources.join());
    if (events.startAt !== undefined)
      syncContact.addEnvironment('EVENT_START', new Date(events.startAt).toISOString());
    syncContact.allow(['events:PutEvents'], this.bus.eventBusArn);
    this.schedulePolls(props);

    const rule = (name: string, queue: IQueue, ruleName: string) => {
      new Rule(this, name, {
        ruleName,
        eventBus: this.bus,
        description: `Sends changes that were made in the CRM to ${name}`,
        eventPattern: { source: [EVENT_SOURCE], detail: { source: [source] } },
        targets: [new SqsQueue(queue, { message: RuleTargetInput.fromEventPath('$.detail') })],
      });
      return ruleName;
    };
    // The metrics of a rule need its name, and a reference to a rule of a custom bus returns the bus too.
    if (events.queueArn !== undefined)
      this.queueRuleName = rule(
        'QueueRule',
        Queue.fromQueueArn(this, 'AppQueue', events.queueArn),
        Names.uniqueResourceName(this, { maxLength: MAX_RULE_NAME }),
      );
    if (events.callback) {
      this.callback = new EventCallback(this, 'Callback', { ...props, callback: events.callback });
      this.callbackRuleName = rule(
        'CallbackRule',
        this.callback.queue,
        `${Names.uniqueResourceName(this, { maxLength: MAX_RULE_NAME - CALLBACK_SUFFIX.length })}${CALLBACK_SUFFIX}`,
      );
    }
  }

  /** The schedules send messages to the queue, so polls follow the pace and the pauses of the consumer, and leave the reserve. */
  private schedulePolls({ events, contactSync: { queue }, encryption, scheduleGroup }: CrmEventsProps): void {
    const role = scheduleRole(
      this,
      'ScheduleRole',
      scheduleGroup,
      new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] }),
    );
    if (encryption.key)
      role.addToPolicy(
        new PolicyStatement({ actions: keyActions(['sendMessages']), resources: [encryption.key.keyArn] }),
      );
    const every = (minutes: number) => ScheduleExpression.rate(Duration.minutes(minutes));
    const expression =
      events.listing === 'off'
        ? undefined
        : ScheduleExpression.expression(events.listing, TimeZone.of(events.timeZone));
    const polls: [PollMessage['poll'], string, ScheduleExpression | undefined][] = [
      ['changes', 'Changes', every(events.intervalMinutes)],
      ['opt-outs', 'OptOuts', every(events.optOutMinutes)],
      ['listing', 'Listing', expression],
    ];
    for (const [poll, name, schedule] of polls) {
      if (!schedule) continue;
      new Schedule(this, name, {
        scheduleGroup,
        description: `Reads what changed in the CRM: ${poll}`,
        schedule,
        target: {
          bind: () => ({
            arn: queue.queueArn,
            role,
            input: ScheduleTargetInput.fromObject({
              version: 1,
              kind: 'poll-crm',
              poll,
              // EventBridge Scheduler, "Context attributes".
              scheduledAt: '<aws.scheduler.scheduled-time>',
            } satisfies PollMessage),
            sqsParameters: { messageGroupId: POLL_GROUP },
            retryPolicy: { maximumRetryAttempts: SCHEDULE_RETRIES.poll },
          }),
        },
      });
    }
  }
}
