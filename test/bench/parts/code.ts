import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { synthesize } from '../../../infra/app.ts';
import { percentile } from '../../../infra/cli/percentile.ts';
import { coldImportsMs } from '../code/cold-import.ts';
import { diffThroughput } from '../code/diff-throughput.ts';
import { functionBundles } from '../code/function-bundles.ts';
import { atLeast, atMost, number, type Part } from '../report/section.ts';

const MAX_IMPORT_MS = 150;
/** New processes per function. */
const PROCESSES = 21;
const MIN_RECORDS_PER_SECOND = 20_000;

/** Size and import time of the deployed code, and throughput of diff-user. */
export const code: Part = {
  name: 'code',
  about: 'bundle sizes, cold imports, and stream records per second',
  async run(log) {
    const outdir = mkdtempSync(join(tmpdir(), 'bench-'));
    try {
      log('Bundling, and importing each bundle in new processes');
      synthesize({}, { outdir });
      const functions = functionBundles(outdir);
      const importsMs = coldImportsMs(functions, PROCESSES);
      const bundles = functions.map((bundle, index) => ({
        ...bundle,
        importMs: importsMs[index] ?? Number.NaN,
      }));
      const diffUser = bundles.find(({ name }) => name === 'diff-user');
      if (!diffUser) throw new Error('The stack has no function diff-user');
      log('Running diff-user on stream records');
      const { rates, sentShare } = await diffThroughput(diffUser.variables);
      const recordsPerSecond = percentile(rates, 0.5);
      const importMs = Math.max(...bundles.map((bundle) => bundle.importMs));
      return {
        title: 'Code',
        method: `Each function is bundled as deployed, with the parts of the AWS SDK that it uses. Cold import is the time that a new process takes to import the bundle and its source map: the fastest of ${PROCESSES} processes, because other programs can only slow an import down. The functions take turns. Throughput is that of diff-user on stream records in batches of 100 (35 % write-backs of the sync, 35 % activity without an effect on the CRM, 20 % progress, 8 % sign-ups, 2 % deletions; ${number(100 * sentShare, 0)} % lead to a message and a log line), with an immediate response of SQS: records per second of processor time of the process, median of ${rates.length} rounds. It is ${number(recordsPerSecond, 0)}.`,
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
          atMost('slowest cold import', importMs, MAX_IMPORT_MS, (ms) => `${number(ms, 0)} ms`),
          atLeast('stream records per second and core', recordsPerSecond, MIN_RECORDS_PER_SECOND, (rate) =>
            number(rate, 0),
          ),
        ],
        figures: {
          bundles: bundles.map(({ name, bytes, gzippedBytes, importMs }) => ({
            name,
            bytes,
            gzippedBytes,
            importMs,
          })),
          diff: { recordsPerSecond, sentShare, rates: [percentile(rates, 0.1), percentile(rates, 0.9)] },
        },
      };
    } finally {
      rmSync(outdir, { recursive: true });
    }
  },
};
