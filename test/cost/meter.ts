import * as z from 'zod';
import type { LocalSystem } from '../demo/local-system.ts';
import { functionFolder } from '../support/function-folder.ts';
import { sum } from '../support/sum.ts';
import type { CountingProxy } from './counting-proxy.ts';
import { UNITS, type Usage } from './prices.ts';
import type { Work } from './scenarios.ts';

/** Usage and calls so far. */
export interface Reading extends Omit<Work, 'seconds'> {
  at: number;
}

/** Bytes that CloudWatch Logs adds per event (CloudWatch Logs API reference, `PutLogEvents`). */
const BYTES_PER_EVENT = 26;
/** Bytes of Lambda's own lines per invocation, in JSON: `platform.start` and `platform.report`. */
const PLATFORM_BYTES = 700;
const GIGABYTE = 1e9;
/** Per batch, Lambda's poller receives and deletes: two requests. */
const REQUESTS_PER_BATCH = 2;
/** Significant digits of sums. */
const DIGITS = 6;

const metricLine = z.looseObject({
  service: z.string(),
  _aws: z.object({
    CloudWatchMetrics: z.array(z.object({ Metrics: z.array(z.object({ Name: z.string() })) })),
  }),
});

/** Reads the usage of a system whose functions call AWS through a counting proxy. */
export function readMeters({ cloud, logs }: LocalSystem, proxy: CountingProxy): Reading {
  const { functions: totals, eventSources } = cloud.statistics();
  const functions = Object.fromEntries(
    Object.entries(totals).map(([name, { invocations, gbSeconds }]) => {
      const lines = logs.filter((line) => line.startsWith(`${name} `));
      const ownBytes = sum(lines.map((line) => Buffer.byteLength(line) - name.length - 1 + BYTES_PER_EVENT));
      return [
        functionFolder(name),
        { invocations, gbSeconds, logBytes: ownBytes + invocations * PLATFORM_BYTES },
      ];
    }),
  );
  const uses = Object.values(functions);
  const calls = Object.fromEntries(
    [...proxy.counts()].map(([key, count]) => [named(key, cloud.outputs), count]),
  );
  const callsOf = (service: string) =>
    sum(
      Object.entries(calls)
        .filter(([key]) => key.startsWith(`${service} `))
        .map(([, count]) => count.calls),
    );
  const unitsOf = (kind: 'readUnits' | 'writeUnits') => sum(Object.values(calls).map((count) => count[kind]));
  const pollsOf = (construct: string) =>
    REQUESTS_PER_BATCH *
    sum(Object.entries(eventSources).map(([id, each]) => (id.startsWith(construct) ? each.batches : 0)));
  const polls = pollsOf('ContactSync');
  return {
    at: Date.now(),
    functions,
    calls,
    polls,
    usage: {
      lambdaRequests: sum(uses.map((each) => each.invocations)),
      lambdaGbSeconds: sum(uses.map((each) => each.gbSeconds)),
      sqsFifoRequests: callsOf('SQS') + polls,
      sqsRequests: pollsOf('CrmEvents'),
      dynamodbReadUnits: unitsOf('readUnits'),
      dynamodbWriteUnits: unitsOf('writeUnits'),
      stateTransitions: sum(cloud.executions().map(({ history }) => transitionsIn(history))),
      logGigabytes: sum(uses.map((each) => each.logBytes)) / GIGABYTE,
      secretCalls: callsOf('Secrets Manager'),
    },
  };
}

/** Usage of the work between two readings. */
export function workBetween(before: Reading, after: Reading): Work {
  return {
    seconds: rounded((after.at - before.at) / 1000),
    usage: usedBetween(before.usage, after.usage),
    functions: differences(before.functions, after.functions),
    calls: differences(before.calls, after.calls),
    polls: after.polls - before.polls,
  };
}

/** Differences of numbers by name. Omits what was not used. */
function differences<Use extends Record<string, number>>(
  before: Readonly<Record<string, Use>>,
  after: Readonly<Record<string, Use>>,
): Record<string, Use> {
  const all = Object.entries(after).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    all.flatMap(([name, use]) => {
      const used = Object.entries(use).map(([key, count]) => [
        key,
        rounded(count - (before[name]?.[key] ?? 0)),
      ]);
      return used.some(([, count]) => count !== 0) ? [[name, Object.fromEntries(used) as Use]] : [];
    }),
  );
}

const rounded = (count: number): number => Number(count.toPrecision(DIGITS));

/** Usage between two readings. */
export function usedBetween(before: Usage, after: Usage): Usage {
  const used = UNITS.map((unit) => [unit, (after[unit] ?? 0) - (before[unit] ?? 0)] as const);
  return Object.fromEntries(
    used.filter(([, count]) => count > 0).map(([unit, count]) => [unit, rounded(count)]),
  );
}

/** Metrics that the functions emitted, each with its function, as CloudWatch bills them. */
export function metricsIn(logs: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const line of logs) {
    if (!line.includes('"_aws"')) continue;
    const { data } = metricLine.safeParse(JSON.parse(line.slice(line.indexOf('{'))));
    for (const { Metrics } of data?._aws.CloudWatchMetrics ?? [])
      for (const { Name } of Metrics) names.add(`${data?.service} ${Name}`);
  }
  return names;
}

/** Entered states and retries of tasks (AWS Step Functions, "Pricing"). */
function transitionsIn(history: readonly { type: string }[]): number {
  const count = (pattern: RegExp) => history.filter(({ type }) => pattern.test(type)).length;
  return count(/StateEntered$/) + count(/^TaskScheduled$/) - count(/^TaskStateEntered$/);
}

/** Replaces the physical name of a call's resource by a description. */
function named(key: string, outputs: Readonly<Record<string, string>>): string {
  const names: Record<string, string | undefined> = {
    'user table': outputs['UserTableName'],
    "sync's table": outputs['SyncTableName'],
    'dead-letter queue': outputs['DeadLetterQueueUrl']?.split('/').at(-1),
    queue: outputs['QueueUrl']?.split('/').at(-1),
  };
  const [what = ''] = Object.entries(names).find(([, name]) => name && key.endsWith(` ${name}`)) ?? [];
  return what ? key.replace(/ \S+$/, ` ${what}`) : key;
}
