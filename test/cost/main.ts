/** `npm run cost`: costs of the system in dollars, from measured usage and AWS's list prices. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { runCommand } from '../../infra/cli/support/command-error.ts';
import { textTable } from '../../infra/cli/support/text-table.ts';
import { measure } from './measure.ts';
import { billOf, readPrices } from './prices.ts';
import { scenariosOf, sharesOf } from './scenarios.ts';
import {
  billTable,
  DOCUMENTED_USERS,
  DOCUMENTS,
  generatedBlocks,
  readCounts,
  sharesTable,
  type Table,
  usageTable,
  withBlocks,
  writeCounts,
} from './tables.ts';

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number of 1 or more.');
  return value;
}

function price(text: string, before: Record<string, number>): Record<string, number> {
  const [name = '', dollars = ''] = text.split('=');
  if (dollars === '' || !(Number(dollars) >= 0)) throw new InvalidArgumentError('It must be NAME=DOLLARS.');
  return { ...before, [name]: Number(dollars) };
}

interface Options {
  users: number;
  price: Record<string, number>;
  tracing?: true;
  recorded?: true;
  sample: number;
  changes: number;
  contacts: number;
  changed: number;
  seed: number;
  write?: true;
  json?: true;
}

const options = new Command('npm run cost --')
  .description(
    'Runs the system on this machine, counts its usage of AWS, and prints the costs at list prices (test/cost/prices.json), without free tiers.',
  )
  .option('--users <n>', 'users of the app', wholeNumber, DOCUMENTED_USERS)
  .option('--price <name=dollars>', 'overrides a list price; can be repeated', price, {})
  .option('--tracing', 'with X-Ray on (`tracing` in cdk.json)')
  .option('--recorded', 'use the counts of test/cost/counts.json instead of running the system')
  .option('--sample <n>', 'users in the measurement', wholeNumber, 300)
  .option('--changes <n>', 'changes in the measurement', wholeNumber, 60)
  .option('--contacts <n>', 'contacts of the CRM in the measurement of polls', wholeNumber, 5000)
  .option('--changed <n>', 'contacts that change before a poll', wholeNumber, 100)
  .option('--seed <n>', 'seed of the users', wholeNumber, 1)
  .option('--write', 'save the counts and update the tables in README.md and docs/cost.md')
  .option('--json', 'print JSON')
  .parse()
  .opts<Options>();

await runCommand(async () => {
  const prices = readPrices(options.price);
  const counts = options.recorded
    ? readCounts()
    : await measure({ ...options, users: options.sample, polls: options }, (what) =>
        process.stderr.write(`${what}\n`),
      );
  const { tracing = false } = options;
  const scenarios = scenariosOf(counts, options.users, { tracing });
  const shares = sharesOf(counts, options.users, prices, { tracing });
  const [backfill = '', changes = ''] = scenarios.map(({ name }) => name);
  process.stdout.write(
    options.json
      ? `${JSON.stringify(scenarios.map(({ name, usage }) => ({ name, usage, dollars: Object.fromEntries(billOf(usage, prices)) })))}\n`
      : `${text(usageTable(scenarios, prices))}\nCosts by function and call:\n\n${text(sharesTable(shares, [backfill, changes]))}\n${text(billTable(scenarios, prices))}`,
  );
  if (!options.write) return;
  if (!options.recorded) writeCounts(counts);
  for (const document of DOCUMENTS) {
    const file = new URL(`../../${document}`, import.meta.url);
    writeFileSync(file, withBlocks(readFileSync(file, 'utf8'), generatedBlocks(counts)));
  }
});

function text({ columns, rows, numbers }: Table): string {
  return textTable(columns, rows, numbers);
}
