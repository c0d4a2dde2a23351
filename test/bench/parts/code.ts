import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUDGET_BYTES, bundleSizes } from '../../../infra/operate/bundle-sizes.ts';
import { coldImportsMs, functionCode, SDK_PACKAGE, sdkInLayer } from '../../../infra/operate/cold-import.ts';
import { percentile } from '../../../infra/operate/percentile.ts';
import { synthesize } from '../../../infra/synthesize.ts';
import { diffThroughput } from '../code/diff-throughput.ts';
import type { Part } from '../section.ts';
import { goal, number } from '../words.ts';

const IMPORT_MS = 150;
/** New processes with the code of each function. */
const STARTS = 21;
const RECORDS_PER_SECOND = 20_000;

/** What the shipped code weighs, how long it takes to load, and how much of a stream one core reads. */
export const code: Part = {
  name: 'code',
  about: 'bundles, cold import, and records of the stream a second',
  async run(say) {
    const outdir = mkdtempSync(join(tmpdir(), 'bench-'));
    try {
      say('Bundling, and loading each bundle in new processes');
      synthesize({}, { outdir });
      const { functions, layers } = bundleSizes(outdir);
      const sdk = [SDK_PACKAGE, ...functions.slice(0, 1).map(sdkInLayer)];
      const importsMs = coldImportsMs([...functions.map(functionCode), ...sdk], STARTS);
      const [sdkMs = Number.NaN, inLayerMs = Number.NaN] = importsMs.splice(functions.length);
      const bundles = functions.map((bundle, index) => ({
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
        Math.max(...[...bundles, ...layers].map((bundle) => bundle.bytes)),
        Math.max(...bundles.map((bundle) => bundle.importMs)),
      ];
      return {
        title: 'Small and quick',
        method: `Each function is bundled as it is deployed. Cold import is the quickest of ${STARTS} new processes that load the bundle with its source map and what it uses of the layer (other programs can only make one slower; the functions take turns); the last lines are nothing but the SDK's client of DynamoDB, once from the layer and once from npm's packages, as they are installed here. Throughput is the bundle of diff-user over records of a stream in batches of 100 (35 % write-backs of the sync, 35 % activity that the CRM does not show, 20 % progress, 8 % sign-ups, 2 % deletions; ${number(100 * sentPart, 0)} % make a message and a log line), with SQS answering at once: records for each second of processor time of the whole process, median of ${rates.length} rounds.`,
        tables: [
          {
            columns: ['', 'KB', 'KB gzipped', 'cold import (ms)'],
            rows: [
              ...bundles.map((bundle) => [
                bundle.name,
                number(bundle.bytes / 1000, 0),
                number(bundle.gzippedBytes / 1000, 0),
                number(bundle.importMs, 0),
              ]),
              ...layers.map((layer) => [
                'the layer with the AWS SDK',
                number(layer.bytes / 1000, 0),
                number(layer.gzippedBytes / 1000, 0),
                '–',
              ]),
              ['@aws-sdk/client-dynamodb alone, in the layer', '–', '–', number(inLayerMs, 0)],
              ['@aws-sdk/client-dynamodb alone, as installed', '–', '–', number(sdkMs, 0)],
            ],
          },
        ],
        charts: [],
        conclusions: [],
        goals: [
          goal(
            'largest bundle or layer',
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
          layers: layers.map(({ bytes, gzippedBytes }) => ({ bytes, gzippedBytes })),
          sdkImportMs: { layer: inLayerMs, installed: sdkMs },
          diff: { recordsPerSecond, sentPart, rates: [percentile(rates, 0.1), percentile(rates, 0.9)] },
        },
      };
    } finally {
      rmSync(outdir, { recursive: true });
    }
  },
};
