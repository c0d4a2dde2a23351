import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { resources, templateWith } from '../../support/template-with.ts';

const root = new URL('../../../', import.meta.url);
const sources = readdirSync(new URL('lambdas/', root), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(new URL(`lambdas/${path}`, root), 'utf8'));

const [dashboard] = Object.values(resources(templateWith(), 'AWS::CloudWatch::Dashboard'));
const body = JSON.stringify(dashboard);
const ownMetrics = [...body.matchAll(/user-sync\\*",\\*"([\w.]+)/g)].map(([, name = '']) => name);

it('the dashboard shows only metrics that a function writes', () => {
  const written = new Set(
    sources.flatMap((source) =>
      [...source.matchAll(/'([A-Z]\w+)'|([A-Z]\w+): MetricUnit|`(Users)\./g)].map(
        ([, ...names]) => names.find((name) => name !== undefined) ?? '',
      ),
    ),
  );
  expect(ownMetrics.length).toBeGreaterThan(0);
  for (const name of ownMetrics) expect(written).toContain(name.split('.')[0]);
});

it.each([
  ['sync lag', 'Sync lag', ['SyncLag']],
  [
    'the backlog and its age',
    'Backlog',
    ['ApproximateNumberOfMessagesVisible', 'ApproximateAgeOfOldestMessage'],
  ],
  [
    'requests per second, the limit, and refusals',
    'Requests to the CRM per second',
    ['CrmRequests', 'CrmThrottles'],
  ],
  ['quota used', 'Quota used', ['QuotaDayUsed', 'QuotaMonthUsed']],
  [
    'users by outcome',
    'Users',
    ['Users.created', 'Users.updated', 'Users.tagged', 'Users.unchanged', 'Users.rejected'],
  ],
  ["the CRM's latency", 'CRM latency', ['CrmLatency']],
  ['the health of the sync', 'Health', ['NothingSucceeds', 'ChangeFeedStopped', 'StuckUsers']],
  ['the iterator age', 'Stream lag', ['IteratorAge']],
  ['dead letters', 'Dead letters', ['ApproximateNumberOfMessagesVisible']],
  ['the age of the tokens', 'Age of the OAuth tokens', ['TokenAge']],
  ['the progress of a backfill', 'Backfill', ['BackfillDone']],
])('the dashboard shows %s', (_, title, metrics) => {
  const widgets = body.split('\\"type\\":').filter((widget) => widget.includes(`\\"title\\":\\"${title}`));
  expect(widgets).toHaveLength(1);
  for (const metric of metrics) expect(widgets[0]).toContain(`\\"${metric}\\"`);
});

it('the dashboard draws the limit of 25 requests per second', () => {
  expect(body).toMatch(/Requests to the CRM per second[^\n]*?\\"value\\":25\b/);
});
