import { readFileSync } from 'node:fs';
import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type Metric,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import * as z from 'zod';
import {
  CONTACT_OPERATIONS,
  type ContactOperation,
  OUTCOMES,
  type Outcome,
} from '../../../lambdas/sync-contact/metrics.ts';
import { percentile } from '../support/percentile.ts';

/** Metrics of the functions over a period. When nothing was recorded, a percentile or an age is undefined, and a count is 0. */
export interface Metrics {
  /** Time from a change of the user until it is in the CRM, in milliseconds. */
  lagP50Ms: number | undefined;
  lagP99Ms: number | undefined;
  /** Requests to the CRM, and those that it refused for exceeding its limits. */
  requests: number;
  refused: number;
  /** Requests a second in the busiest minute. */
  peakRequestsPerSecond: number;
  latencyP95Ms: number | undefined;
  /** Age of the oldest message, and how far diff-user is behind the stream. Only CloudWatch has them. */
  oldestMessageSeconds: number | undefined;
  iteratorAgeMs: number | undefined;
  /** Users by outcome. */
  users: Record<Outcome, number>;
  /** Contacts by operation. A created contact does not count as updated. */
  contacts: Record<ContactOperation, number>;
}

const MINUTE_SECONDS = 60;

/** Ids of values and the metrics of sync-contact that they come from, see `infra/monitoring/`. */
const SOURCES = [
  { id: 'lagP50Ms', metric: 'SyncLag', statistic: 'p50' },
  { id: 'lagP99Ms', metric: 'SyncLag', statistic: 'p99' },
  { id: 'requests', metric: 'CrmRequests', statistic: 'Sum' },
  { id: 'refused', metric: 'CrmThrottles', statistic: 'Sum' },
  { id: 'latencyP95Ms', metric: 'CrmLatency', statistic: 'p95' },
  ...[...OUTCOMES, ...CONTACT_OPERATIONS].map((name) => ({
    id: name,
    metric: `Users.${name}`,
    statistic: 'Sum' as const,
  })),
] as const;

/** Builds metrics from values by id. */
export function metricsFrom(value: (id: string) => number | undefined): Metrics {
  return {
    lagP50Ms: value('lagP50Ms'),
    lagP99Ms: value('lagP99Ms'),
    requests: value('requests') ?? 0,
    refused: value('refused') ?? 0,
    peakRequestsPerSecond: (value('busiestMinute') ?? 0) / MINUTE_SECONDS,
    oldestMessageSeconds: value('oldestMessageSeconds'),
    iteratorAgeMs: value('iteratorAgeMs'),
    latencyP95Ms: value('latencyP95Ms'),
    users: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, value(outcome) ?? 0])) as Metrics['users'],
    contacts: Object.fromEntries(
      CONTACT_OPERATIONS.map((name) => [name, value(name) ?? 0]),
    ) as Metrics['contacts'],
  };
}

export interface MetricSources {
  /** Namespace of the functions' own metrics. */
  stack: string;
  queueName: string;
  diffUserName: string;
}

/** Reads the metrics of the last period from Amazon CloudWatch. @param now epoch milliseconds. */
export async function cloudWatchMetrics(
  cloudWatch: CloudWatchClient,
  { stack, queueName, diffUserName }: MetricSources,
  periodSeconds: number,
  now: number,
): Promise<Metrics> {
  const ofSyncContact = (MetricName: string) => metric(stack, MetricName, 'service', 'sync-contact');
  const messageAge = metric('AWS/SQS', 'ApproximateAgeOfOldestMessage', 'QueueName', queueName);
  const iteratorAge = metric('AWS/Lambda', 'IteratorAge', 'FunctionName', diffUserName);
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(now - periodSeconds * 1000),
      EndTime: new Date(now),
      ScanBy: 'TimestampDescending',
      MetricDataQueries: [
        ...SOURCES.map((each) => query(each.id, ofSyncContact(each.metric), each.statistic, periodSeconds)),
        query('busiestMinute', ofSyncContact('CrmRequests'), 'Sum', MINUTE_SECONDS),
        query('oldestMessageSeconds', messageAge, 'Maximum', MINUTE_SECONDS),
        query('iteratorAgeMs', iteratorAge, 'Maximum', MINUTE_SECONDS),
      ],
    }),
  );
  const values = new Map(MetricDataResults.map(({ Id, Values = [] }) => [Id, Values]));
  return metricsFrom((id) =>
    id === 'busiestMinute' ? Math.max(0, ...(values.get(id) ?? [])) : values.get(id)?.[0],
  );
}

const metric = (Namespace: string, MetricName: string, Name: string, Value: string): Metric => ({
  Namespace,
  MetricName,
  Dimensions: [{ Name, Value }],
});

const query = (Id: string, Metric: Metric, Stat: string, Period: number): MetricDataQuery => ({
  Id,
  MetricStat: { Metric, Stat, Period },
});

/** A log line in the embedded metric format (Amazon CloudWatch). */
const metricLine = z.looseObject({ _aws: z.object({ Timestamp: z.number() }) });

/**
 * Reads metrics from the log of the functions on this machine.
 *
 * @param logFile each line begins with the name of the function.
 * @param since epoch milliseconds.
 */
export function localMetrics(logFile: string, since: number): Metrics {
  const values = new Map<string, number[]>();
  const requestsByMinute = new Map<number, number>();
  for (const line of readFileSync(logFile, 'utf8').split('\n')) {
    if (!line.includes('"_aws"')) continue;
    const { data } = metricLine.safeParse(JSON.parse(line.slice(line.indexOf('{'))));
    if (!data || data._aws.Timestamp < since) continue;
    for (const [name, value] of Object.entries(data)) {
      const recorded = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'number');
      values.set(name, [...(values.get(name) ?? []), ...recorded]);
      if (name !== 'CrmRequests') continue;
      const minute = Math.floor(data._aws.Timestamp / (MINUTE_SECONDS * 1000));
      requestsByMinute.set(minute, (requestsByMinute.get(minute) ?? 0) + sum(recorded));
    }
  }
  return metricsFrom((id) => {
    if (id === 'busiestMinute') return Math.max(0, ...requestsByMinute.values());
    const { metric = '', statistic = '' } = SOURCES.find((each) => each.id === id) ?? {};
    const recorded = values.get(metric) ?? [];
    if (statistic === 'Sum') return sum(recorded);
    return recorded.length > 0 ? percentile(recorded, Number(statistic.slice(1)) / 100) : undefined;
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
