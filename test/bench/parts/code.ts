import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BUDGET_BYTES, bundleSizes } from '../../../infra/operate/bundle-sizes.ts';
import { coldImportsMs, functionCode, SDK_CODE } from '../../../infra/operate/cold-import.ts';
import { synthesize } from '../../../infra/synthesize.ts';
import { diffThroughput } from '../code/diff-throughput.ts';
import { percentile } from '../percentile.ts';
import type { Part } from '../section.ts';
import { goal, number } from '../words.ts';

const DIRECTORY = fileURLToPath(new URL('../../../.local/', import.meta.url));
const IMPORT_MS = 150;
/** New processes with the code of each function. */
const STARTS = 21;
const RECORDS_PER_SECOND = 20_000;

/** What the shipped code weighs, how long it takes to load, and how much of a stream one core reads. */
export const code: Part = {
  name: 'code',
  about: 'bundles, cold import, and records of the stream a second',
  async run(say) {
    mkdirSync(DIRECTORY, { recursive: true });
    const outdir = mkdtempSync(`${DIRECTORY}bench-`);
    try {
      say('Bundling, and loading each bundle in new processes');
      synthesize({}, { outdir });
      const sizes = bundleSizes(outdir);
      const [sdkMs = Number.NaN, ...importsMs] = coldImportsMs(
        [SDK_CODE, ...sizes.map(functionCode)],
        STARTS,
      );
      const bundles = sizes.map((bundle, index) => ({
        ...bundle,
        name: String(bundle.variables['POWERTOOLS_SERVICE_NAME']),
        importMs: importsMs[index] ?? Number.NaN,
      }));
      const diffUser = bundles.find(({ name }) => name === 'diff-user');
      if (!diffUser) throw new Error('The stack has no diff-user');
      say('Records of a stream through diff-user');
      const { rates, sentPart } = await diffThroughput(diffUser);
      const recordsPerSecond = percentile(rates, 0.5);
      const [bytes, importMs] = [
        Math.max(...bundles.map((bundle) => bundle.bytes)),
        Math.max(...bundles.map((bundle) => bundle.importMs)),
      ];
      return {
        title: 'Small and quick',
        method: `Each function is bundled as it is deployed. Cold import is the quickest of ${STARTS} new processes that load the bundle with its source map and the AWS SDK that it uses (other programs can only make one slower; the functions take turns); the last line is nothing but the SDK's client of DynamoDB. Throughput is the bundle of diff-user over records of a stream in batches of 100 (35 % write-backs of the sync, 35 % activity that the CRM does not show, 20 % progress, 8 % sign-ups, 2 % deletions; ${number(100 * sentPart, 0)} % make a message and a log line), with SQS answering at once: records for each second of processor time of the whole process, median of ${rates.length} rounds.`,
        tables: [
          {
            columns: ['function', 'KB', 'KB gzipped', 'cold import (ms)'],
            rows: [
              ...bundles.map((bundle) => [
                bundle.name,
                number(bundle.bytes / 1000, 0),
                number(bundle.gzippedBytes / 1000, 0),
                number(bundle.importMs, 0),
              ]),
              ['@aws-sdk/client-dynamodb alone', '–', '–', number(sdkMs, 0)],
            ],
          },
        ],
        charts: [],
        conclusions: [],
        goals: [
          goal(
            'largest bundle',
            `< ${BUDGET_BYTES / 1000} KB`,
            `${number(bytes / 1000, 0)} KB`,
            bytes < BUDGET_BYTES,
          ),
          goal('slowest cold import', `< ${IMPORT_MS} ms`, `${number(importMs, 0)} ms`, importMs < IMPORT_MS),
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
          sdkImportMs: sdkMs,
          diff: { recordsPerSecond, sentPart, rates: [percentile(rates, 0.1), percentile(rates, 0.9)] },
        },
      };
    } finally {
      rmSync(outdir, { recursive: true });
    }
  },
};
