import { readFileSync, writeFileSync } from 'node:fs';
import { CommandError } from '../../infra/cli/support/command-error.ts';
import { billOf, type Prices, priceOf, readPrices, UNITS } from './prices.ts';
import type { Scenario, Share } from './scenarios.ts';
import { type Counts, countsSchema, scenariosOf, sharesOf, type Work } from './scenarios.ts';

export interface Table {
  columns: string[];
  rows: string[][];
  /** Indices of the columns with numbers. */
  numbers: number[];
}

/** Dollars by service, and their total. */
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
      ['Total', ...bills.map((bill) => dollarsText(total(bill)))],
    ],
  };
}

/** Shares below this, in dollars, are summed up in one line. */
const SHOWN_USD = 0.005;

/** Dollars by function and call, most expensive first. */
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
      'Other',
    ),
    total(shares, 'Total'),
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

/** Quantities and prices of all units. */
export function usageTable(scenarios: readonly Scenario[], { prices }: Prices): Table {
  const used = UNITS.filter((unit) => scenarios.some(({ usage }) => (usage[unit] ?? 0) > 0));
  return {
    numbers: [1, ...scenarios.map((_, index) => index + 2)],
    columns: ['', 'Price', ...scenarios.map(({ name }) => name), 'As of', 'Source'],
    rows: used.map((unit) => {
      const { service, unit: name, usd, per, asOf, source } = prices[unit];
      const price = `$${usd}${per === 1 ? '' : ` per ${per.toLocaleString('en-US')}`}`;
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

function markdownOf({ columns, rows, numbers }: Table): string {
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

const COUNTS = new URL('counts.json', import.meta.url);
/** Number of users in the documents. */
export const DOCUMENTED_USERS = 60_000;

/** The recorded counts. */
export function readCounts(): Counts {
  return countsSchema.parse(JSON.parse(readFileSync(COUNTS, 'utf8')));
}

export function writeCounts(counts: Counts): void {
  writeFileSync(COUNTS, `${JSON.stringify(counts, undefined, 2)}\n`);
}

/** Generated parts of the documents, by the name in the comment before each. They depend only on the counts and list prices. */
export function generatedBlocks(counts: Counts): Record<string, string> {
  const prices = readPrices();
  const scenarios = scenariosOf(counts, DOCUMENTED_USERS);
  const [backfill, changes] = scenarios.map(({ name }) => name);
  const traced = scenariosOf(counts, DOCUMENTED_USERS, { tracing: true });
  const tracesUsd = traced.map(({ usage }) => priceOf('traces', usage.traces ?? 0, prices).toFixed(2));
  return {
    'cost-bill': markdownOf(billTable(scenarios, prices)),
    'cost-usage': markdownOf(usageTable(scenarios, prices)),
    'cost-shares': markdownOf(
      sharesTable(sharesOf(counts, DOCUMENTED_USERS, prices), [backfill ?? '', changes ?? '']),
    ),
    'cost-traces': `With \`tracing: true\`, X-Ray adds $${tracesUsd[0]} to that backfill, and $${tracesUsd[1]} to a million changes in a month.\n`,
    'cost-calls': markdownOf(callsTable(counts)),
    'cost-counted': `Counted on ${counts.measuredOn}: a backfill of ${counts.backfill.users} users, ${counts.changes.changes} changes one at a time, a refresh of ${counts.refresh.users} users, a renewal of the tokens, a health check, and polls of ${counts.polls.contacts.toLocaleString('en-US')} contacts of which ${counts.polls.events} changed.\n`,
  };
}

/** Calls to AWS per user and per change, with the read or write units that they used. */
function callsTable({ backfill, changes }: Counts): Table {
  const names = [...new Set([...Object.keys(backfill.calls), ...Object.keys(changes.calls)])].sort();
  const cells = ({ calls }: Work, name: string, per: number) => {
    const { calls: count = 0, readUnits = 0, writeUnits = 0 } = calls[name] ?? {};
    return [(count / per).toFixed(2), ((readUnits + writeUnits) / per).toFixed(2)];
  };
  return {
    numbers: [1, 2, 3, 4],
    columns: ['Call', 'per user of a backfill', 'units', 'per change', 'units'],
    rows: names.map((name) => [
      name,
      ...cells(backfill, name, backfill.users),
      ...cells(changes, name, changes.changes),
    ]),
  };
}

/** Replaces the generated parts of a document. @throws CommandError when it has none. */
export function withBlocks(text: string, blocks: Readonly<Record<string, string>>): string {
  let filled = 0;
  const result = text.replace(
    /(<!-- (cost-\w+): npm run cost -- --write -->\n)[\s\S]*?(<!-- end -->)/g,
    (whole, start: string, name: string, end: string) => {
      const block = blocks[name];
      if (block === undefined) return whole;
      filled++;
      return `${start}\n${block}\n${end}`;
    },
  );
  if (filled === 0) throw new CommandError('The document has no place for the tables of npm run cost.');
  return result;
}

/** Documents with generated parts. */
export const DOCUMENTS = ['README.md', 'docs/cost.md'] as const;
