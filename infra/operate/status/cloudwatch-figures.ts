import { type CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { type Figures, figuresOf, METRICS } from './figures.ts';

const SERVICE = 'sync-contact';

/** The figures of the last hour from Amazon CloudWatch. @param now epoch milliseconds. */
export async function cloudWatchFigures(
  cloudWatch: CloudWatchClient,
  namespace: string,
  periodSeconds: number,
  now: number,
): Promise<Figures> {
  const { MetricDataResults = [] } = await cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(now - periodSeconds * 1000),
      EndTime: new Date(now),
      MetricDataQueries: METRICS.map(({ id, metric, statistic }) => ({
        Id: id,
        MetricStat: {
          Metric: {
            Namespace: namespace,
            MetricName: metric,
            Dimensions: [{ Name: 'service', Value: SERVICE }],
          },
          Stat: statistic,
          Period: periodSeconds,
        },
      })),
    }),
  );
  const values = new Map(MetricDataResults.map(({ Id, Values }) => [Id, Values?.[0]]));
  return figuresOf((id) => values.get(id));
}
