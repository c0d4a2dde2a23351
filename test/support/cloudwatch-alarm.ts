import * as z from 'zod';

/** Whether a value breaches the alarm's threshold. */
const COMPARISONS = {
  GreaterThanOrEqualToThreshold: (value: number, threshold: number) => value >= threshold,
  GreaterThanThreshold: (value: number, threshold: number) => value > threshold,
  LessThanOrEqualToThreshold: (value: number, threshold: number) => value <= threshold,
  LessThanThreshold: (value: number, threshold: number) => value < threshold,
} as const;

/** Properties of an `AWS::CloudWatch::Alarm` on a single metric. Metric math (`Metrics`) is rejected. */
export const alarmSchema = z.looseObject({
  Namespace: z.string(),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.unknown() })).default([]),
  Statistic: z.string().optional(),
  ExtendedStatistic: z.string().optional(),
  Period: z.number(),
  Threshold: z.number(),
  EvaluationPeriods: z.number(),
  DatapointsToAlarm: z.number().optional(),
  ComparisonOperator: z.enum(
    Object.keys(COMPARISONS) as [keyof typeof COMPARISONS, ...(keyof typeof COMPARISONS)[]],
  ),
  TreatMissingData: z.enum(['missing', 'ignore', 'breaching', 'notBreaching']).default('missing'),
  Metrics: z.never().optional(),
});
export type AlarmProperties = z.infer<typeof alarmSchema>;

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/**
 * Data points that CloudWatch retrieves in addition to the evaluation periods. Its documentation does not name the number ("a higher
 * number"); its examples retrieve five for three periods.
 */
const ADDITIONAL = 2;

/** Data points of an evaluation. */
const evaluationRange = ({ EvaluationPeriods }: Pick<AlarmProperties, 'EvaluationPeriods'>): number =>
  EvaluationPeriods + ADDITIONAL;

/**
 * Evaluates an alarm once, as described in the CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data".
 *
 * @param range the latest data points, oldest first; undefined for a missing one.
 * @param current state before the evaluation.
 */
export function evaluate(
  alarm: Pick<
    AlarmProperties,
    'Threshold' | 'ComparisonOperator' | 'EvaluationPeriods' | 'DatapointsToAlarm' | 'TreatMissingData'
  >,
  range: readonly (number | undefined)[],
  current: AlarmState,
): AlarmState {
  const {
    EvaluationPeriods: periods,
    DatapointsToAlarm: toAlarm = periods,
    TreatMissingData: missing,
  } = alarm;
  const isBreaching = (value: number) => COMPARISONS[alarm.ComparisonOperator](value, alarm.Threshold);
  const real = range.filter((value) => value !== undefined).map(isBreaching);
  const isAlarm = (points: readonly boolean[]) => points.filter(Boolean).length >= toAlarm;
  // With enough real data points, missing ones are not considered.
  if (real.length >= periods) return isAlarm(real.slice(-periods)) ? 'ALARM' : 'OK';
  if (missing === 'breaching' || missing === 'notBreaching') {
    const filled = Array.from({ length: periods - real.length }, () => missing === 'breaching');
    return isAlarm([...real, ...filled]) ? 'ALARM' : 'OK';
  }
  if (real.length === 0) return missing === 'ignore' ? current : 'INSUFFICIENT_DATA';
  if (isAlarm(real)) return 'ALARM';
  if (!real.every(Boolean)) return 'OK';
  if (missing === 'ignore') return current;
  // All real data points breach, and the oldest is old enough: the missing ones cannot change the result.
  const oldest = range.length - range.findIndex((value) => value !== undefined);
  return oldest >= toAlarm ? 'ALARM' : 'OK';
}

/** A value of a metric. */
export interface Sample {
  /** Epoch milliseconds. */
  at: number;
  value: number;
}

/** Evaluates an alarm over samples of its metric. @returns the state at the end of each period, in epoch milliseconds. */
export function statesOver(
  alarm: AlarmProperties,
  samples: readonly Sample[],
  { from, until }: { from: number; until: number },
): { at: number; state: AlarmState }[] {
  const periodMs = alarm.Period * 1000;
  const byPeriod = Map.groupBy(samples, ({ at }) => Math.floor(at / periodMs));
  const pointOf = (period: number) => {
    const values = byPeriod.get(period)?.map(({ value }) => value);
    return values && aggregate(values, alarm.Statistic ?? alarm.ExtendedStatistic ?? '');
  };
  const states: { at: number; state: AlarmState }[] = [];
  let state: AlarmState = 'INSUFFICIENT_DATA';
  for (let period = Math.floor(from / periodMs); (period + 1) * periodMs <= until; period++) {
    const range = Array.from(
      { length: evaluationRange(alarm) },
      (_, index, length = evaluationRange(alarm)) => pointOf(period - length + 1 + index),
    );
    state = evaluate(alarm, range, state);
    states.push({ at: (period + 1) * periodMs, state });
  }
  return states;
}

function aggregate(values: readonly number[], statistic: string): number {
  const sorted = values.toSorted((a, b) => a - b);
  const sum = values.reduce((total, each) => total + each, 0);
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'Average':
      return sum / values.length;
    case 'SampleCount':
      return values.length;
    case 'Minimum':
      return sorted[0] ?? Number.NaN;
    case 'Maximum':
      return sorted.at(-1) ?? Number.NaN;
  }
  const percent = /^p(\d+(?:\.\d+)?)$/.exec(statistic)?.[1];
  if (percent === undefined) throw new Error(`Unknown statistic ${statistic}`);
  return (
    sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * Number(percent)) / 100))] ?? Number.NaN
  );
}
