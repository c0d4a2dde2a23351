import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { IScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { CONTACT_OPERATIONS, OUTCOMES } from '../../lambdas/sync-contact/metrics.ts';
import type { Config } from '../config.ts';
import type { Backfill } from '../constructs/backfill.ts';
import type { ChangeFeed } from '../constructs/change-feed.ts';
import type { ContactSync } from '../constructs/contact-sync.ts';
import type { CrmEvents } from '../constructs/crm-events.ts';
import type { CrmSecret } from '../constructs/crm-secret.ts';
import type { Encryption } from '../constructs/encryption.ts';

/** The parts of the system that alarms watch and the dashboard shows. */
export interface MonitoredSystem {
  config: Config;
  encryption: Encryption;
  scheduleGroup: IScheduleGroup;
  contactSync: ContactSync;
  changeFeed: ChangeFeed;
  backfill: Backfill;
  secret: CrmSecret;
  /** Undefined if changes in the CRM make no events. */
  crmEvents: CrmEvents | undefined;
}

/** Outcomes of users and operations on contacts, which sync-contact counts as `Users.<name>`. */
export const USER_COUNTS = [...OUTCOMES, ...CONTACT_OPERATIONS] as const;

/** Metrics of each function. */
const METRICS_OF = {
  'sync-contact': [
    'SyncLag',
    'CrmRequests',
    'CrmThrottles',
    'CrmLatency',
    'TokenAge',
    ...USER_COUNTS.map((name) => `Users.${name}` as const),
  ],
  'check-health': [
    'NothingSucceeds',
    'ChangeFeedStopped',
    'OldestChangeAge',
    'StuckUsers',
    'Paused',
    'QuotaDayUsed',
    'QuotaMonthUsed',
    'CatalogProblems',
    'EventLag',
  ],
  'send-callback': ['Events.delivered', 'Events.failed'],
  'rotate-token': ['AuthorizationLost'],
  backfill: ['BackfillDone'],
} as const;
type MetricName = (typeof METRICS_OF)[keyof typeof METRICS_OF][number];

/** A metric that a function of this stack writes. @param period five minutes by default. */
export function ownMetric(
  { stackName }: Config,
  metricName: MetricName,
  statistic: string,
  period = Duration.minutes(5),
): Metric {
  const [service = ''] =
    Object.entries(METRICS_OF).find(([, names]) => (names as readonly string[]).includes(metricName)) ?? [];
  return new Metric({ namespace: stackName, metricName, dimensionsMap: { service }, statistic, period });
}
