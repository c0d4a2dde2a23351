import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { type Figures, figuresOf, METRICS, MINUTE_SECONDS } from './figures.ts';

/** A line of the embedded metric format (Amazon CloudWatch). */
const metricLine = z.looseObject({ _aws: z.object({ Timestamp: z.number() }) });

/**
 * The figures of the last while from the functions' own lines.
 *
 * @param logFile each line begins with the name of the function.
 * @param since epoch milliseconds.
 */
export function localFigures(logFile: string, since: number): Figures {
  const values = new Map<string, number[]>();
  const requestsByMinute = new Map<number, number>();
  for (const line of readFileSync(logFile, 'utf8').split('\n')) {
    if (!line.includes('"_aws"')) continue;
    const { data } = metricLine.safeParse(JSON.parse(line.slice(line.indexOf('{'))));
    if (!data || data._aws.Timestamp < since) continue;
    for (const [name, value] of Object.entries(data)) {
      const measured = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'number');
      values.set(name, [...(values.get(name) ?? []), ...measured]);
      if (name !== 'CrmRequests') continue;
      const minute = Math.floor(data._aws.Timestamp / (MINUTE_SECONDS * 1000));
      requestsByMinute.set(minute, (requestsByMinute.get(minute) ?? 0) + total(measured));
    }
  }
  return figuresOf((id) => {
    if (id === 'busiestMinute') return Math.max(0, ...requestsByMinute.values());
    const { metric = '', statistic = '' } = METRICS.find((each) => each.id === id) ?? {};
    const measured = values.get(metric) ?? [];
    if (statistic === 'Sum') return total(measured);
    return percentile(measured, Number(statistic.slice(1)));
  });
}

const total = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0);

function percentile(values: readonly number[], percent: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))];
}
