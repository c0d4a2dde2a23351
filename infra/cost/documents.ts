import { readFileSync, writeFileSync } from 'node:fs';
import { CommandError } from '../operate/command-error.ts';
import { billTable, markdownOf, usageTable } from './cost-tables.ts';
import { readPrices } from './prices.ts';
import { type Counts, countsSchema, scenariosOf } from './scenarios.ts';

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
  const calls = Object.entries(counts.calls).map(([call, { backfill, changes }]) => [
    call,
    (backfill / counts.backfill.users).toFixed(2),
    (changes / counts.changes.changes).toFixed(2),
  ]);
  return {
    'cost-bill': markdownOf(billTable(scenarios, prices)),
    'cost-usage': markdownOf(usageTable(scenarios, prices)),
    'cost-calls': markdownOf({
      numbers: [1, 2],
      columns: ['Call', 'for each user of a backfill', 'for each change'],
      rows: calls,
    }),
    'cost-counted': `Counted on ${counts.measuredOn}: a backfill of ${counts.backfill.users} users, ${counts.changes.changes} changes one at a time, a refresh of ${counts.refresh.users} users, a renewal of the tokens, and a health check.\n`,
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
