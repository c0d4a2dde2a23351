import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Config } from '../config.ts';
import type { Backfill } from '../constructs/backfill.ts';
import type { ChangeFeed } from '../constructs/change-feed.ts';
import type { ContactSync } from '../constructs/contact-sync.ts';
import type { CrmSecret } from '../constructs/crm-secret.ts';
import type { Encryption } from '../constructs/encryption.ts';

/** The parts of the system that alarms and the dashboard show. */
export interface MonitoredSystem {
  config: Config;
  encryption: Encryption;
  contactSync: ContactSync;
  changeFeed: ChangeFeed;
  backfill: Backfill;
  secret: CrmSecret;
}

/** Metrics of each function. */
const METRICS_OF = {
  'sync-contact': [
    'SyncLag',
    'CrmRequests',
    'CrmThrottles',
    'CrmLatency',
    'TokenAge',
    'Users.created',
    'Users.updated',
    'Users.tagged',
    'Users.synced',
    'Users.unchanged',
    'Users.retired',
    'Users.rejected',
    'Users.postponed',
    'Users.withoutOwner',
  ],
  'check-health': [
    'NothingSucceeds',
    'OldestChangeAge',
    'StuckUsers',
    'Paused',
    'QuotaDayUsed',
    'QuotaMonthUsed',
    'CatalogProblems',
  ],
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
