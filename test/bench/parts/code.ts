import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentile } from '../../../infra/cli/support/percentile.ts';
import { synthesize } from '../../../infra/synthesize.ts';
import { coldImportsMs } from '../code/cold-import.ts';
import { diffThroughput } from '../code/diff-throughput.ts';
import { functionBundles } from '../code/function-bundles.ts';
import type { Part } from '../section.ts';
import { goal, number } from '../words.ts';

/** Wanted: at most this long. */
const IMPORT_MS = 150;
/** New processes for each function. */
const STARTS = 21;
const RECORDS_PER_SECOND = 20_000;

/** The size of the deployed code, how long it takes to load, and how many stream records one core handles. */
export const code: Part = {
  name: 'code',
  about: 'bundles, cold import, and records of the stream a second',
  async run(say) {
    const outdir = mkdtempSync(join(tmpdir(), 'bench-'));
    try {
      say('Bundling, and loading each bundle in new processes');
      synthesize({}, { outdir });
      const functions = functionBundles(outdir);
      const importsMs = coldImportsMs(functions, STARTS);
      const bundles = functions.map((bundle, index) => ({
        ...bundle,
        importMs: importsMs[index] ?? Number.NaN,
      }));
      const diffUser = bundles.find(({ name }) => name === 'diff-user');
      if (!diffUser) throw new Error('The stack has no diff-user');
      say('Records of a stream through diff-user');
      const { rates, sentPart } = await diffThroughput(diffUser.variables);
      const recordsPerSecond = percentile(rates, 0.5);
      const importMs = Math.max(...bundles.map((bundle) => bundle.importMs));
      return {
        title: 'Code',
        method: `Each function is bundled as it is deployed, with what it uses of the AWS SDK. Cold import is the time that a new process takes to import the bundle and its source map: the fastest of ${STARTS} processes, because other programs can only slow one down (the functions take turns). Throughput is diff-user over records of a stream in batches of 100 (35 % write-backs of the sync, 35 % activity that the CRM does not show, 20 % progress, 8 % sign-ups, 2 % deletions; ${number(100 * sentPart, 0)} % make a message and a log line), with SQS answering at once: records for each second of processor time of the whole process, median of ${rates.length} rounds.`,
        tables: [
          {
            columns: ['', 'KB', 'KB gzipped', 'cold import (ms)'],
            rows: bundles.map((bundle) => [
              bundle.name,
              number(bundle.bytes / 1000, 0),
              number(bundle.gzippedBytes / 1000, 0),
              number(bundle.importMs, 0),
            ]),
          },
        ],
        charts: [],
        conclusions: [],
        goals: [
          goal(
            'slowest cold import',
            `≤ ${IMPORT_MS} ms`,
            `${number(importMs, 0)} ms`,
            importMs <= IMPORT_MS,
          ),
          goal(
            'records a second a core',
            `≥ ${number(RECORDS_PER_SECOND, 0)}`,
            number(recordsPerSecond, 0),
            recordsPerSecond >= RECORDS_PER_SECOND,
          ),
        ],
        figures: {
          bundles: bundles.map(({ name, bytes, gzippedBytes, importMs }) => ({
            name,
            bytes,
            gzippedBytes,
            importMs,
          })),
          diff: { recordsPerSecond, sentPart, rates: [percentile(rates, 0.1), percentile(rates, 0.9)] },
        },
      };
    } finally {
      rmSync(outdir, { recursive: true });
    }
  },
};
