/** `npm run size`: what each function's code weighs, and how long it takes to load. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { synthesize } from '../synthesize.ts';
import { BUDGET_BYTES, bundleSizes } from './bundle-sizes.ts';
import { coldImportsMs, functionCode } from './cold-import.ts';
import { CommandError } from './command-error.ts';
import { runCommand } from './run-command.ts';
import { textTable } from './text-table.ts';

const options = new Command('npm run size --')
  .description(
    "Shows what each function's code weighs and how long it takes to load. Fails when one is over the budget.",
  )
  .option('--json', 'print it as JSON')
  .parse()
  .opts<{ json?: true }>();

const KIB = 1024;
/** New processes with the code of each function. */
const STARTS = 7;
const DIRECTORY = fileURLToPath(new URL('../../.local/', import.meta.url));

await runCommand(async () => {
  // Inside the project, so that the AWS SDK is found, which Lambda has of its own.
  mkdirSync(DIRECTORY, { recursive: true });
  const outdir = mkdtempSync(`${DIRECTORY}size-`);
  try {
    synthesize({}, { outdir });
    const bundles = bundleSizes(outdir);
    const importMs = coldImportsMs(bundles.map(functionCode), STARTS);
    const sizes = bundles.map((bundle, index) => ({ ...bundle, importMs: importMs[index] ?? Number.NaN }));
    const kib = (bytes: number) => (bytes / KIB).toFixed(0);
    process.stdout.write(
      options.json
        ? `${JSON.stringify(sizes.map(({ functionId, bytes, gzippedBytes, importMs }) => ({ functionId, bytes, gzippedBytes, importMs })))}\n`
        : textTable(
            ['function', 'KiB', 'gzipped', 'cold import (ms)'],
            sizes.map(({ functionId, bytes, gzippedBytes, importMs }) => [
              functionId,
              kib(bytes),
              kib(gzippedBytes),
              importMs.toFixed(0),
            ]),
            [1, 2, 3],
          ),
    );
    const over = sizes.filter(({ bytes }) => bytes > BUDGET_BYTES).map(({ functionId }) => functionId);
    if (over.length > 0)
      throw new CommandError(`Over the budget of ${kib(BUDGET_BYTES)} KiB: ${over.join(', ')}.`);
  } finally {
    rmSync(outdir, { recursive: true });
  }
});
