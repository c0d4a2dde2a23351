import * as z from 'zod';

/** What AWS bills, by the name of its price in prices.json. */
export const UNITS = [
  'lambdaRequests',
  'lambdaGbSeconds',
  'sqsFifoRequests',
  'dynamodbWriteUnits',
  'dynamodbReadUnits',
  'stateTransitions',
  'logGigabytes',
  'metricMonths',
  'alarmMonths',
  'dashboardMonths',
  'traces',
  'secretCalls',
  'secretMonths',
  'keyMonths',
  'scheduledStarts',
] as const;

export const usageSchema = z.partialRecord(z.enum(UNITS), z.number().nonnegative());

/** How much of each. What is not named was not used. */
export type Usage = z.infer<typeof usageSchema>;

export function sumOf(...usages: readonly Usage[]): Usage {
  const total: Usage = {};
  for (const usage of usages)
    for (const unit of UNITS) if (usage[unit]) total[unit] = (total[unit] ?? 0) + usage[unit];
  return total;
}

export function times(usage: Usage, factor: number): Usage {
  return Object.fromEntries(UNITS.flatMap((unit) => (usage[unit] ? [[unit, usage[unit] * factor]] : [])));
}
