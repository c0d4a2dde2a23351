import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  type Metric,
  SingleValueWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { rateOf } from '../../shared/quota/limits.ts';
import { paceFor } from '../../shared/quota/pace.ts';
import type { Alarms } from './alarms.ts';
import { type MonitoredSystem, ownMetric, USER_COUNTS } from './metrics.ts';

const HALF = 12;
const WIDE = 24;
const HEIGHT = 6;
const MINUTE = Duration.minutes(1);
/** Lifetime of an access token. */
const TOKEN_HOURS = 24;

/** check-health writes its gauges every five minutes. */
const MINUTES_5 = Duration.minutes(5);

/** Shows on one page whether everything is in sync, how late changes arrive, how much quota is used, and what fails. */
export class OperationsDashboard extends Construct {
  readonly dashboardName: string;

  constructor(scope: Construct, id: string, { alarms, ...system }: MonitoredSystem & { alarms: Alarms }) {
    super(scope, id);
    const { config, contactSync, changeFeed } = system;
    this.dashboardName = config.stackName;
    const own = (...[name, statistic, label]: [Parameters<typeof ownMetric>[1], string, string]) =>
      ownMetric(config, name, statistic, MINUTE).with({ label });
    const gauge = (...[name, statistic, label]: Parameters<typeof own>) =>
      ownMetric(config, name, statistic, MINUTES_5).with({ label });
    const graph = (
      title: string,
      left: IMetric[],
      more: { right?: IMetric[]; line?: number; unit?: string } = {},
    ) =>
      new GraphWidget({
        title,
        width: HALF,
        height: HEIGHT,
        left,
        ...(more.right && { right: more.right }),
        leftYAxis: { min: 0, ...(more.unit && { label: more.unit, showUnits: false }) },
        ...(more.line !== undefined && { leftAnnotations: [{ value: more.line, label: 'limit' }] }),
      });
    const visible = (queue: typeof contactSync.queue, label: string) =>
      queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum', label });

    new Dashboard(this, 'Dashboard', {
      dashboardName: this.dashboardName,
      widgets: [
        [new AlarmStatusWidget({ title: 'Alarms', alarms: alarms.alarms, width: WIDE, height: 4 })],
        [
          new SingleValueWidget({
            title: 'Now',
            width: WIDE,
            height: 3,
            metrics: [
              own('SyncLag', 'p50', 'lag p50 (ms)'),
              own('SyncLag', 'p99', 'lag p99 (ms)'),
              visible(contactSync.queue, 'backlog'),
              perSecond(
                own('CrmRequests', 'Sum', `requests per second (of ${rateOf(config.crm.limits)})`),
                'requestsNow',
              ),
              gauge('OldestChangeAge', 'Maximum', 'oldest change (s)'),
              gauge('StuckUsers', 'Maximum', 'stuck users'),
              gauge('QuotaDayUsed', 'Maximum', 'daily quota used (%)'),
              visible(contactSync.deadLetterQueue, 'dead letters'),
              own('BackfillDone', 'Maximum', 'backfill done (%)'),
            ],
          }),
        ],
        [
          graph(
            'Sync lag: from the change to the CRM',
            [own('SyncLag', 'p50', 'p50'), own('SyncLag', 'p99', 'p99')],
            {
              unit: 'ms',
            },
          ),
          graph('Backlog', [visible(contactSync.queue, 'messages')], {
            right: [
              contactSync.queue.metricApproximateAgeOfOldestMessage({
                period: MINUTE,
                label: 'oldest message (s)',
              }),
            ],
          }),
        ],
        [
          graph('Health', [gauge('OldestChangeAge', 'Maximum', 'oldest change')], {
            unit: 's',
            right: [
              gauge('NothingSucceeds', 'Maximum', 'nothing succeeds'),
              gauge('ChangeFeedStopped', 'Maximum', 'change feed stopped'),
              gauge('StuckUsers', 'Maximum', 'stuck users'),
            ],
          }),
          graph('Catalog problems', [gauge('CatalogProblems', 'Maximum', 'problems')]),
        ],
        [
          graph(
            'Requests to the CRM per second',
            [
              perSecond(own('CrmRequests', 'Sum', 'requests'), 'requests'),
              perSecond(own('CrmThrottles', 'Sum', 'refused (429)'), 'refused'),
            ],
            { line: rateOf(config.crm.limits) },
          ),
          graph(
            'Quota used',
            [gauge('QuotaDayUsed', 'Maximum', 'day'), gauge('QuotaMonthUsed', 'Maximum', 'month')],
            {
              unit: '%',
              line: 100,
            },
          ),
        ],
        [
          graph(
            'Users by outcome',
            USER_COUNTS.map((outcome) => own(`Users.${outcome}`, 'Sum', outcome)),
          ),
          graph('CRM latency', [own('CrmLatency', 'p50', 'p50'), own('CrmLatency', 'p95', 'p95')], {
            unit: 'ms',
            line: config.crm.latencyP95Ms,
          }),
        ],
        [
          graph('Stream lag', [
            changeFeed.diffUser.metric('IteratorAge', {
              period: MINUTE,
              statistic: 'Maximum',
              label: 'iterator age (ms)',
            }),
          ]),
          graph(
            'Environments of sync-contact',
            [
              contactSync.syncContact.metric('ConcurrentExecutions', {
                period: MINUTE,
                statistic: 'Maximum',
              }),
            ],
            { line: paceFor(config.crm).environments },
          ),
        ],
        [
          graph('Dead letters', [
            visible(contactSync.deadLetterQueue, 'users'),
            visible(changeFeed.failureQueue, 'stream records'),
          ]),
          graph('Backfill and pauses', [own('BackfillDone', 'Maximum', 'backfill done (%)')], {
            right: [
              gauge('Paused', 'Maximum', 'paused'),
              own('AuthorizationLost', 'Maximum', 'authorization lost'),
            ],
          }),
        ],
        ...(system.crmEvents
          ? [
              [
                graph('Changes in the CRM', [gauge('EventLag', 'Maximum', 'since the last poll')], {
                  unit: 's',
                }),
                graph('Events at the callback', [
                  own('Events.delivered', 'Sum', 'delivered'),
                  own('Events.failed', 'Sum', 'not accepted'),
                ]),
              ],
            ]
          : []),
        [
          graph('Age of the OAuth tokens', [hours(own('TokenAge', 'Maximum', 'since issue'), 'tokenAge')], {
            unit: 'hours',
            line: TOKEN_HOURS,
          }),
        ],
      ],
    });
  }
}

const perSecond = (metric: Metric, id: string) => computed(metric, id, `FILL(${id}, 0) / PERIOD(${id})`);
const hours = (metric: Metric, id: string) => computed(metric, id, `${id} / 3600`);

function computed(metric: Metric, id: string, expression: string): MathExpression {
  return new MathExpression({
    expression,
    usingMetrics: { [id]: metric },
    label: metric.label ?? id,
    period: MINUTE,
  });
}
