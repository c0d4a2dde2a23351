import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type Metric,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import { type Figures, figuresOf, METRICS, MINUTE_SECONDS } from './figures.ts';

/** Whose metrics they are. */
export interface Measured {
  /** Namespace of the functions' own metrics. */
  stack: string;
  queueName: string;
  diffUserName: string;
}

const SERVICE = 'sync-contact';

/** The figures of the last hour from Amazon CloudWatch. @param now epoch milliseconds. */
export async function cloudWatchFigures(
  cloudWatch: CloudWatchClient,
  { stack, queueName, diffUserName }: Measured,
  periodSeconds: number,
  now: number,
): Promise<Figures> {
  const own = (MetricName: string) => metric(stack, MetricName, 'service', SERVICE);
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(now - periodSeconds * 1000),
      EndTime: new Date(now),
      ScanBy: 'TimestampDescending',
      MetricDataQueries: [
        ...METRICS.map((each) => query(each.id, own(each.metric), each.statistic, periodSeconds)),
        query('busiestMinute', own('CrmRequests'), 'Sum', MINUTE_SECONDS),
        query(
          'oldestMessageSeconds',
          metric('AWS/SQS', 'ApproximateAgeOfOldestMessage', 'QueueName', queueName),
          'Maximum',
          MINUTE_SECONDS,
        ),
        query(
          'iteratorAgeMs',
          metric('AWS/Lambda', 'IteratorAge', 'FunctionName', diffUserName),
          'Maximum',
          MINUTE_SECONDS,
        ),
      ],
    }),
  );
  const values = new Map(MetricDataResults.map(({ Id, Values = [] }) => [Id, Values]));
  const newest = (id: string) => values.get(id)?.[0];
  const most = (id: string) => values.get(id)?.reduce((max, each) => Math.max(max, each), 0);
  return figuresOf((id) => (id === 'busiestMinute' ? most(id) : newest(id)));
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
