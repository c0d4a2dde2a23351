import { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Config } from '../config.ts';
import type { Backfill } from '../constructs/backfill.ts';
import type { ChangeFeed } from '../constructs/change-feed.ts';
import type { ConstructContext } from '../constructs/construct-context.ts';
import type { ContactSync } from '../constructs/contact-sync.ts';
import type { CrmSecret } from '../constructs/crm-secret.ts';

/** What is watched: the parts of the system. */
export interface Watched extends ConstructContext {
  contactSync: ContactSync;
  changeFeed: ChangeFeed;
  backfill: Backfill;
  secret: CrmSecret;
}

/** Metrics that the functions write, by the function that does. */
const WRITTEN_BY = {
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
type MetricName = (typeof WRITTEN_BY)[keyof typeof WRITTEN_BY][number];

/** A metric of the functions' own, over five minutes unless told otherwise. */
export function ownMetric(
  { stackName }: Config,
  metricName: MetricName,
  statistic: string,
  period = Duration.minutes(5),
): Metric {
  const [service = ''] =
    Object.entries(WRITTEN_BY).find(([, names]) => (names as readonly string[]).includes(metricName)) ?? [];
  return new Metric({ namespace: stackName, metricName, dimensionsMap: { service }, statistic, period });
}
