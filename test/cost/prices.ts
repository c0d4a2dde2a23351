import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { CommandError } from '../../infra/cli/support/command-error.ts';
import { UNITS, type Usage } from './usage.ts';

const priceSchema = z.object({
  /** The line of the bill. */
  service: z.string().min(1),
  /** Dollars for as many units as `per` says. */
  usd: z.number().nonnegative(),
  per: z.number().positive(),
  unit: z.string().min(1),
  /** AWS's page of this price. */
  source: z.url(),
  /** A text that tells the same number. */
  checkedAgainst: z.url(),
  /** The text's own date, or that of the check where it has none; of DynamoDB, since when. */
  asOf: z.string().regex(/^\d{4}(-\d{2})?$/),
});
const pricesSchema = z.object({ region: z.string(), prices: z.record(z.enum(UNITS), priceSchema) });

/** List prices of a region, without free tiers and discounts. */
export type Prices = z.infer<typeof pricesSchema>;

const FILE = new URL('prices.json', import.meta.url);

/** The list prices in prices.json. @param changed dollars in place of those, by name. @throws CommandError for a name that is none. */
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

/** Dollars for so many units. */
export function priceOf(unit: keyof Usage, count: number, { prices }: Prices): number {
  return (count / prices[unit].per) * prices[unit].usd;
}
