import { Metrics } from '@aws-lambda-powertools/metrics';
import { expect, it, vi } from 'vitest';
import { cloudWatchMetrics, type SyncMetrics } from '../../../lambdas/sync-contact/metrics.ts';

it.each<[string, (metrics: SyncMetrics) => void, [string, string, number][]]>([
  ['an outcome', (metrics) => metrics.countOutcome('synced'), [['Users.synced', 'Count', 1]]],
  ['a change', (metrics) => metrics.countChange('tagged'), [['Users.tagged', 'Count', 1]]],
  ['the lag', (metrics) => metrics.recordLag(1500), [['SyncLag', 'Milliseconds', 1500]]],
  ['the age of the tokens', (metrics) => metrics.recordTokenAge(90_000), [['TokenAge', 'Seconds', 90]]],
  [
    'a request',
    (metrics) => metrics.recordRequest({ status: 200, durationMs: 153 }),
    [
      ['CrmRequests', 'Count', 1],
      ['CrmLatency', 'Milliseconds', 153],
    ],
  ],
  [
    'a request that the CRM throttled',
    (metrics) => metrics.recordRequest({ status: 429, durationMs: 20 }),
    [
      ['CrmRequests', 'Count', 1],
      ['CrmLatency', 'Milliseconds', 20],
      ['CrmThrottles', 'Count', 1],
    ],
  ],
])('%s is a metric', (_, write, expected) => {
  const metrics = new Metrics({ namespace: 'test' });
  const added = vi.spyOn(metrics, 'addMetric').mockReturnThis();
  write(cloudWatchMetrics(metrics));
  expect(added.mock.calls).toEqual(expected);
});
