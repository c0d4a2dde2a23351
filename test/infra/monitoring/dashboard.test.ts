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
      [...source.matchAll(/'([A-Z]\w+)'|`(Users)\./g)].map(([, name, users]) => name ?? users),
    ),
  );
  expect(ownMetrics.length).toBeGreaterThan(0);
  for (const name of ownMetrics) expect(written).toContain(name.split('.')[0]);
});

it.each([
  ['sync lag', 'How late', ['SyncLag']],
  [
    'the backlog and its age',
    'Backlog',
    ['ApproximateNumberOfMessagesVisible', 'ApproximateAgeOfOldestMessage'],
  ],
  [
    'requests a second against the limit, and refusals',
    'Requests to the CRM a second',
    ['CrmRequests', 'CrmThrottles'],
  ],
  ['quota used', 'Quota used', ['QuotaDayUsed', 'QuotaMonthUsed']],
  [
    'what became of users',
    'Users',
    ['Users.created', 'Users.updated', 'Users.tagged', 'Users.unchanged', 'Users.rejected'],
  ],
  ["the CRM's latency", 'Latency of the CRM', ['CrmLatency']],
  ['the iterator age', 'Behind the stream', ['IteratorAge']],
  ['dead letters', 'Dead letters', ['ApproximateNumberOfMessagesVisible']],
  ['the age of the tokens', 'Age of the OAuth tokens', ['TokenAge']],
  ['how far a backfill is', 'Backfill', ['BackfillDone']],
])('the dashboard answers: %s', (_, title, metrics) => {
  const widgets = body.split('\\"type\\":').filter((widget) => widget.includes(`\\"title\\":\\"${title}`));
  expect(widgets).toHaveLength(1);
  for (const metric of metrics) expect(widgets[0]).toContain(`\\"${metric}\\"`);
});

it('the dashboard draws the limit of 25 requests a second', () => {
  expect(body).toMatch(/Requests to the CRM a second[^\n]*?\\"value\\":25\b/);
});
