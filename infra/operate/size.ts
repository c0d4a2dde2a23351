/** `npm run size`: what the code of each function and of their layer weighs, and how long it takes to load. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { synthesize } from '../synthesize.ts';
import { BUDGET_BYTES, bundleSizes } from './bundle-sizes.ts';
import { coldImportsMs, functionCode } from './cold-import.ts';
import { CommandError } from './command-error.ts';
import { runCommand } from './run-command.ts';
import { textTable } from './text-table.ts';

const options = new Command('npm run size --')
  .description(
    'Shows what the code of each function and of their layer weighs, and how long it takes to load. Fails when one is over the budget.',
  )
  .option('--json', 'print it as JSON')
  .parse()
  .opts<{ json?: true }>();

const KIB = 1024;
/** New processes with the code of each function. */
const STARTS = 7;

await runCommand(async () => {
  const outdir = mkdtempSync(join(tmpdir(), 'size-'));
  try {
    synthesize({}, { outdir });
    const { functions, layers } = bundleSizes(outdir);
    const importMs = coldImportsMs(functions.map(functionCode), STARTS);
    // A layer is loaded with the functions.
    const sizes = [...functions, ...layers].map(({ id, bytes, gzippedBytes }, index) => ({
      id,
      bytes,
      gzippedBytes,
      importMs: importMs[index],
    }));
    const kib = (bytes: number) => (bytes / KIB).toFixed(0);
    process.stdout.write(
      options.json
        ? `${JSON.stringify(sizes)}\n`
        : textTable(
            ['function or layer', 'KiB', 'gzipped', 'cold import (ms)'],
            sizes.map(({ id, bytes, gzippedBytes, importMs }) => [
              id,
              kib(bytes),
              kib(gzippedBytes),
              importMs?.toFixed(0) ?? '–',
            ]),
            [1, 2, 3],
          ),
    );
    const over = sizes.filter(({ bytes }) => bytes > BUDGET_BYTES).map(({ id }) => id);
    if (over.length > 0)
      throw new CommandError(`Over the budget of ${kib(BUDGET_BYTES)} KiB: ${over.join(', ')}.`);
  } finally {
    rmSync(outdir, { recursive: true });
  }
});
