import { billOf, type Prices } from './prices.ts';
import type { Scenario, Share } from './scenarios.ts';
import { UNITS } from './usage.ts';

export interface Table {
  columns: string[];
  rows: string[][];
  /** Indices of the columns that hold numbers. */
  numbers: number[];
}

/** Dollars by service, and in all. */
export function billTable(scenarios: readonly Scenario[], prices: Prices): Table {
  const bills = scenarios.map(({ usage }) => billOf(usage, prices));
  const services = [...new Set(bills.flatMap((bill) => [...bill.keys()]))];
  const used = services.filter((service) => bills.some((bill) => (bill.get(service) ?? 0) > 0));
  const total = (bill: ReadonlyMap<string, number>) =>
    [...bill.values()].reduce((sum, each) => sum + each, 0);
  return {
    numbers: scenarios.map((_, index) => index + 1),
    columns: ['', ...scenarios.map(({ name }) => name)],
    rows: [
      ...used.map((service) => [service, ...bills.map((bill) => dollarsText(bill.get(service) ?? 0))]),
      ['In all', ...bills.map((bill) => dollarsText(total(bill)))],
    ],
  };
}

/** Shares of less than this, in dollars, are added up. */
const SHOWN_USD = 0.005;

/** Where each cent goes, the dearest first. */
export function sharesTable(shares: readonly Share[], names: readonly [string, string]): Table {
  const isShown = ({ backfillUsd, changesUsd }: Share) => backfillUsd >= SHOWN_USD || changesUsd >= SHOWN_USD;
  const total = (parts: readonly Share[], what: string): Share => ({
    what,
    backfillUsd: parts.reduce((sum, { backfillUsd }) => sum + backfillUsd, 0),
    changesUsd: parts.reduce((sum, { changesUsd }) => sum + changesUsd, 0),
  });
  const rows = [
    ...shares.filter(isShown),
    total(
      shares.filter((share) => !isShown(share)),
      'All else',
    ),
    total(shares, 'In all'),
  ];
  return {
    numbers: [1, 2],
    columns: ['', ...names],
    rows: rows.map(({ what, backfillUsd, changesUsd }) => [
      what,
      dollarsText(backfillUsd),
      dollarsText(changesUsd),
    ]),
  };
}

/** Units, with the price of each. */
export function usageTable(scenarios: readonly Scenario[], { prices }: Prices): Table {
  const used = UNITS.filter((unit) => scenarios.some(({ usage }) => (usage[unit] ?? 0) > 0));
  return {
    numbers: [1, ...scenarios.map((_, index) => index + 2)],
    columns: ['', 'Price', ...scenarios.map(({ name }) => name), 'As of', 'Source'],
    rows: used.map((unit) => {
      const { service, unit: name, usd, per, asOf, source } = prices[unit];
      const price = `$${usd}${per === 1 ? '' : ` for ${per.toLocaleString('en-US')}`}`;
      return [
        `${service}: ${name}`,
        price,
        ...scenarios.map(({ usage }) => countText(usage[unit] ?? 0)),
        asOf,
        source,
      ];
    }),
  };
}

export function markdownOf({ columns, rows, numbers }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`.replace(/ {2,}/g, ' ');
  return `${line(columns)}|${columns.map((_, index) => (numbers.includes(index) ? '--:' : '---')).join('|')}|\n${rows.map(line).join('')}`;
}

function dollarsText(usd: number): string {
  if (usd === 0) return '–';
  return usd < 0.005
    ? 'under $0.01'
    : `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function countText(count: number): string {
  if (count === 0) return '–';
  const digits = count < 10 ? 3 : 0;
  return count.toLocaleString('en-US', { maximumFractionDigits: digits });
}
