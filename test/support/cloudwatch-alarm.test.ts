import { describe, expect, it } from 'vitest';
import { type AlarmState, alarmSchema, evaluate, statesOver } from './cloudwatch-alarm.ts';

const RETAINED = 'INSUFFICIENT_DATA';
const TREATMENTS = ['missing', 'ignore', 'breaching', 'notBreaching'] as const;
const read = (points: string) =>
  points.split(' ').map((point) => (point === '-' ? undefined : point === 'X' ? 1 : 0));

/** The tables in "Configuring how CloudWatch alarms treat missing data" (CloudWatch user guide). 0: no breach, X: a breach, -: missing. */
describe.each([
  {
    title: 'three of three',
    DatapointsToAlarm: 3,
    rows: [
      ['0 - X - X', 'OK', 'OK', 'OK', 'OK'],
      ['- - - - 0', 'OK', 'OK', 'OK', 'OK'],
      ['- - - - -', 'INSUFFICIENT_DATA', 'retain', 'ALARM', 'OK'],
      ['0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
      ['- - X - -', 'ALARM', 'retain', 'ALARM', 'OK'],
    ],
  },
  {
    title: 'two of three',
    DatapointsToAlarm: 2,
    rows: [
      ['0 - X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
      ['0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
      ['0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
      ['- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
      ['- - - X -', 'ALARM', 'retain', 'ALARM', 'OK'],
    ],
  },
] as const)('an alarm of $title data points', ({ DatapointsToAlarm, rows }) => {
  const cases = rows.flatMap(([points, ...states]) =>
    TREATMENTS.map((treatment, index) => ({ points, treatment, state: states[index] ?? '' })),
  );
  it.each(cases)('$points with missing data as $treatment is $state', ({ points, treatment, state }) => {
    const alarm = {
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      EvaluationPeriods: 3,
      DatapointsToAlarm,
      TreatMissingData: treatment,
    } as const;
    for (const current of [RETAINED, 'OK', 'ALARM'] satisfies AlarmState[])
      expect(evaluate(alarm, read(points), current)).toBe(state === 'retain' ? current : state);
  });
});

describe('an alarm over samples', () => {
  const alarm = alarmSchema.parse({
    Namespace: 'x',
    MetricName: 'y',
    Statistic: 'Sum',
    Period: 60,
    Threshold: 3,
    EvaluationPeriods: 1,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    TreatMissingData: 'notBreaching',
  });

  it('aggregates the samples of a period by its statistic', () => {
    const samples = [
      { at: 1000, value: 2 },
      { at: 59_000, value: 1 },
      { at: 61_000, value: 2 },
    ];
    const states = (statistic: string) =>
      statesOver({ ...alarm, Statistic: statistic }, samples, { from: 0, until: 120_000 });
    expect(states('Sum')).toEqual([
      { at: 60_000, state: 'ALARM' },
      { at: 120_000, state: 'OK' },
    ]);
    expect(states('Maximum').map(({ state }) => state)).toEqual(['OK', 'OK']);
  });

  it('on metric math is rejected, because emulators cannot deploy it', () => {
    expect(alarmSchema.safeParse({ ...alarm, Metrics: [] }).success).toBe(false);
  });
});
