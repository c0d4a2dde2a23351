import { readFileSync, writeFileSync } from 'node:fs';
import { CommandError } from '../../infra/cli/support/command-error.ts';
import { billTable, markdownOf, sharesTable, type Table, usageTable } from './cost-tables.ts';
import { priceOf, readPrices } from './prices.ts';
import { type Counts, countsSchema, scenariosOf, sharesOf, type Work } from './scenarios.ts';

const COUNTS = new URL('counts.json', import.meta.url);
/** Users that the documents speak of. */
export const DOCUMENTED_USERS = 60_000;

/** The counts that were last written. */
export function readCounts(): Counts {
  return countsSchema.parse(JSON.parse(readFileSync(COUNTS, 'utf8')));
}

export function writeCounts(counts: Counts): void {
  writeFileSync(COUNTS, `${JSON.stringify(counts, undefined, 2)}\n`);
}

/** Tables that documents hold between two comments, by the name in them. Made of counts and list prices alone. */
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
    'cost-counted': `Counted on ${counts.measuredOn}: a backfill of ${counts.backfill.users} users, ${counts.changes.changes} changes one at a time, a refresh of ${counts.refresh.users} users, a renewal of the tokens, and a health check.\n`,
  };
}

/** Calls to AWS for each user and for each change, with the write or read units that they took. */
function callsTable({ backfill, changes }: Counts): Table {
  const names = [...new Set([...Object.keys(backfill.calls), ...Object.keys(changes.calls)])].sort();
  const cells = ({ calls }: Work, name: string, per: number) => {
    const { calls: count = 0, readUnits = 0, writeUnits = 0 } = calls[name] ?? {};
    return [(count / per).toFixed(2), ((readUnits + writeUnits) / per).toFixed(2)];
  };
  return {
    numbers: [1, 2, 3, 4],
    columns: ['Call', 'for each user of a backfill', 'units', 'for each change', 'units'],
    rows: names.map((name) => [
      name,
      ...cells(backfill, name, backfill.users),
      ...cells(changes, name, changes.changes),
    ]),
  };
}

/** A document with the blocks that it has a place for. @throws CommandError when it has none. */
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
  if (filled === 0) throw new CommandError('The document has no place for what npm run cost writes.');
  return result;
}

/** Documents with such places. */
export const DOCUMENTS = ['README.md', 'docs/cost.md'] as const;
