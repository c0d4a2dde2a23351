import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { CommandError } from '../../infra/cli/support/command-error.ts';

/** Units that AWS bills, by the name of their price in prices.json. */
export const UNITS = [
  'lambdaRequests',
  'lambdaGbSeconds',
  'sqsFifoRequests',
  'sqsRequests',
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
  'busEvents',
] as const;

export const usageSchema = z.partialRecord(z.enum(UNITS), z.number().nonnegative());

/** Billed quantity of each unit. A missing unit was not used. */
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

const priceSchema = z.object({
  /** Line of the bill. */
  service: z.string().min(1),
  /** Dollars per `per` units. */
  usd: z.number().nonnegative(),
  per: z.number().positive(),
  unit: z.string().min(1),
  /** AWS's pricing page. */
  source: z.url(),
  /** Another page with the same number. */
  checkedAgainst: z.url(),
  /** Date of that page, or of the check when it has none; for DynamoDB, since when the price is valid. */
  asOf: z.string().regex(/^\d{4}(-\d{2})?$/),
});
const pricesSchema = z.object({ region: z.string(), prices: z.record(z.enum(UNITS), priceSchema) });

/** List prices of a region, without free tiers and discounts. */
export type Prices = z.infer<typeof pricesSchema>;

const FILE = new URL('prices.json', import.meta.url);

/** List prices of prices.json. @param changed other prices in dollars, by name. @throws CommandError for an unknown name. */
export function readPrices(changed: Readonly<Record<string, number>> = {}): Prices {
  const { region, prices } = pricesSchema.parse(JSON.parse(readFileSync(FILE, 'utf8')));
  for (const [name, usd] of Object.entries(changed)) {
    const unit = UNITS.find((each) => each === name);
    if (!unit) throw new CommandError(`There is no price ${name}. There are: ${UNITS.join(', ')}.`);
    prices[unit] = { ...prices[unit], usd };
  }
  return { region, prices };
}

/** Dollars for a usage, by service. */
export function billOf(usage: Usage, prices: Prices): Map<string, number> {
  const bill = new Map<string, number>();
  for (const unit of UNITS) {
    const { service } = prices.prices[unit];
    bill.set(service, (bill.get(service) ?? 0) + priceOf(unit, usage[unit] ?? 0, prices));
  }
  return bill;
}

/** Dollars for a number of units. */
export function priceOf(unit: keyof Usage, count: number, { prices }: Prices): number {
  return (count / prices[unit].per) * prices[unit].usd;
}
