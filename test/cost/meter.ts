import * as z from 'zod';
import { UNITS, type Usage } from '../../infra/cost/usage.ts';
import type { LocalSystem } from '../demo/local-system.ts';
import { sum } from '../sum.ts';
import type { CallCount, CountingProxy } from './counting-proxy.ts';

/** All that was used and called so far. */
export interface Reading {
  usage: Usage;
  calls: ReadonlyMap<string, number>;
}

/** Bytes that CloudWatch Logs counts for an event beside its text (CloudWatch Logs API reference, `PutLogEvents`). */
const BYTES_AN_EVENT = 26;
/** Lines that Lambda itself writes for an invocation, in JSON: `platform.start` and `platform.report`, in bytes. */
const PLATFORM_BYTES = 700;
const GIGABYTE = 1e9;
/** A queue's poller receives a batch and deletes what is done: two requests, as Lambda's own are. */
const REQUESTS_A_BATCH = 2;
/** Of a sum of fractions. */
const DIGITS = 6;

const metricLine = z.looseObject({
  service: z.string(),
  _aws: z.object({
    CloudWatchMetrics: z.array(z.object({ Metrics: z.array(z.object({ Name: z.string() })) })),
  }),
});

/** Reads the meters of a system whose functions go through a proxy that counts. */
export function readMeters({ cloud, logs }: LocalSystem, proxy: CountingProxy): Reading {
  const { functions, eventSources } = cloud.statistics();
  const totals = Object.values(functions);
  const invocations = sum(totals.map((each) => each.invocations));
  const calls = [...proxy.counts()];
  const callsOf = (service: string) =>
    sum(calls.filter(([key]) => key.startsWith(`${service} `)).map(([, count]) => count.calls));
  const unitsOf = (kind: 'readUnits' | 'writeUnits') => sum(calls.map(([, count]) => count[kind]));
  const batches = sum(
    Object.entries(eventSources).map(([id, each]) => (id.startsWith('ContactSync') ? each.batches : 0)),
  );
  const logBytes = sum(logs.map((line) => Buffer.byteLength(line) - line.indexOf(' ') - 1 + BYTES_AN_EVENT));
  return {
    usage: {
      lambdaRequests: invocations,
      lambdaGbSeconds: sum(totals.map((each) => each.gbSeconds)),
      sqsFifoRequests: callsOf('SQS') + batches * REQUESTS_A_BATCH,
      dynamodbReadUnits: unitsOf('readUnits'),
      dynamodbWriteUnits: unitsOf('writeUnits'),
      stateTransitions: sum(cloud.executions().map(({ history }) => transitionsIn(history))),
      logGigabytes: (logBytes + invocations * PLATFORM_BYTES) / GIGABYTE,
      // At most: X-Ray records the first of each second and one in twenty of the others.
      traces: invocations,
      secretCalls: callsOf('Secrets Manager'),
    },
    calls: new Map(
      calls.map(([key, count]: [string, CallCount]) => [named(key, cloud.outputs), count.calls]),
    ),
  };
}

/** What was used between two readings. */
export function usedBetween(before: Usage, after: Usage): Usage {
  const used = UNITS.map((unit) => [unit, (after[unit] ?? 0) - (before[unit] ?? 0)] as const);
  return Object.fromEntries(
    used.filter(([, count]) => count > 0).map(([unit, count]) => [unit, Number(count.toPrecision(DIGITS))]),
  );
}

/** Metrics that the functions have written, each with its function, as CloudWatch bills them. */
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

/** Every state that is entered, and every time that a task is tried again (AWS Step Functions, "Pricing"). */
function transitionsIn(history: readonly { type: string }[]): number {
  const count = (pattern: RegExp) => history.filter(({ type }) => pattern.test(type)).length;
  return count(/StateEntered$/) + count(/^TaskScheduled$/) - count(/^TaskStateEntered$/);
}

/** A call by what its resource is, in place of the name that the local cloud gave it. */
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
