import { percentile } from '../../../infra/cli/support/percentile.ts';
import { SYNC_CONTACT_MEMORY_MB } from '../../../infra/constructs/contact-sync.ts';
import { priceOf, readPrices } from '../../cost/prices.ts';
import { population } from '../../demo/population.ts';
import { functionFolder } from '../../support/function-folder.ts';
import { atLeast, atMost, number, type Part, percent, type Section, seconds } from '../report/section.ts';
import { type BenchSystem, withBenchSystem } from '../system/bench-system.ts';
import { liveLatencies } from '../system/live-latency.ts';
import {
  type Throttling,
  throttlingIn,
  whyNoQuotas,
  withProcessorQuotas,
} from '../system/processor-quotas.ts';
import { type SteadyFill, steadyPart } from '../system/steady-backfill.ts';

/** Memory sizes in MB: the one with a whole processor, the deployed one, and others. */
const SIZES = [...new Set([1769, SYNC_CONTACT_MEMORY_MB, 1024, 768, 512])];
const WARM_EDITS = 30;
const EDITS = 100;
const EVERY_MS = 250;
const WARM_UP = 400;
const COUNTED = 800;
const REST = 200;
const MAX_LIVE_MS = 1000;
const MIN_FILLED = 0.9;
const MILLION = 1_000_000;

interface Measured {
  megabytes: number;
  p50: number;
  p99: number;
  /** During the live edits. */
  throttling: Throttling;
  gbSecondsPerChange: number;
  backfill: SteadyFill;
  backfillThrottling: Throttling;
  gbSecondsPerUser: number;
}

/** Latency and pace of sync-contact by its memory size, which also sets its share of a processor. */
export const memory: Part = {
  name: 'memory',
  about: 'latency and pace by the memory of sync-contact, with the share of a processor that Lambda gives',
  async run(log): Promise<Section> {
    const reason = whyNoQuotas();
    if (reason) return notMeasured(reason);
    const results: Measured[] = [];
    for (const megabytes of SIZES) {
      log(`Measuring sync-contact with ${megabytes} MB`);
      const result = await withProcessorQuotas((directory) => measure(directory, megabytes));
      results.push(result);
      log(rowOf(result).join('  '));
    }
    const deployed = results.filter(({ megabytes }) => megabytes === SYNC_CONTACT_MEMORY_MB);
    return {
      title: 'Memory of sync-contact',
      method: `The stack on the local cloud in real time, with the latency of the real CRM. Once its code is loaded, each environment of each function runs in a cgroup with the processor quota that Lambda gives for its memory: memory / 1,769 MB of a processor, in periods of 20 ms. ${EDITS} users are edited, one every ${EVERY_MS} ms, after ${WARM_EDITS} edits to warm up. Then ${COUNTED} requests from the middle of a backfill are counted. *Throttled* is the share of periods in which an environment of any function used up its quota. GB-seconds are those of sync-contact.`,
      tables: [
        {
          columns: [
            'memory (MB)',
            'processor',
            'live p50 (s)',
            'live p99 (s)',
            'throttled, live',
            'quota filled',
            'rejected',
            'throttled, backfill',
            'GB-s per change',
            'GB-s per user',
            '$ per million changes',
          ],
          rows: results.map(rowOf),
        },
      ],
      charts: [],
      conclusions: [],
      goals: deployed.flatMap(({ megabytes, p99, backfill }) => [
        atMost(`p99 from write to CRM, warm, with ${number(megabytes, 0)} MB`, p99, MAX_LIVE_MS, seconds),
        atLeast(`quota filled, with ${number(megabytes, 0)} MB`, backfill.filled, MIN_FILLED, percent),
      ]),
      figures: { sizes: results },
    };
  },
};

async function measure(directory: string, megabytes: number): Promise<Measured> {
  const { users } = population(WARM_EDITS + EDITS + WARM_UP + COUNTED + REST, 5, Date.now());
  const [edited, others] = [users.slice(0, WARM_EDITS + EDITS), users.slice(WARM_EDITS + EDITS)];
  const cloud = { processorQuotas: { directory, memoryMegabytes: { ContactSync: megabytes } } };
  return withBenchSystem({ users: others, cloud }, async (system) => {
    for (const user of edited) await system.app.signUp(user);
    await system.settle();
    await liveLatencies(system, edited.slice(0, WARM_EDITS), EVERY_MS);
    const start = read(system, directory);
    const live = await liveLatencies(system, edited.slice(WARM_EDITS), EVERY_MS);
    await system.settle();
    const afterLive = read(system, directory);
    const backfill = await steadyPart(system, WARM_UP, COUNTED);
    const afterBackfill = read(system, directory);
    return {
      megabytes,
      p50: percentile(live, 0.5),
      p99: percentile(live, 0.99),
      throttling: difference(start.throttling, afterLive.throttling),
      gbSecondsPerChange: (afterLive.gbSeconds - start.gbSeconds) / EDITS,
      backfill,
      backfillThrottling: difference(afterLive.throttling, afterBackfill.throttling),
      gbSecondsPerUser: (afterBackfill.gbSeconds - afterLive.gbSeconds) / others.length,
    };
  });
}

const rowOf = (each: Measured): string[] => [
  number(each.megabytes, 0),
  percent(each.megabytes / 1769, 0),
  number(each.p50 / 1000, 2),
  number(each.p99 / 1000, 2),
  percent(each.throttling.throttledShare, 1),
  percent(each.backfill.filled),
  percent(each.backfill.rejectedShare, 2),
  percent(each.backfillThrottling.throttledShare, 1),
  number(each.gbSecondsPerChange, 3),
  number(each.gbSecondsPerUser, 3),
  number(priceOf('lambdaGbSeconds', each.gbSecondsPerChange * MILLION, readPrices()), 2),
];

function read({ system }: BenchSystem, directory: string) {
  const functions = Object.entries(system.cloud.statistics().functions);
  const [, use] = functions.find(([name]) => functionFolder(name) === 'sync-contact') ?? [];
  return { throttling: throttlingIn(directory), gbSeconds: use?.gbSeconds ?? Number.NaN };
}

/** The throttling between two readings. */
function difference(before: Throttling, after: Throttling): Throttling {
  const periods = after.periods - before.periods;
  const throttled = after.throttledShare * after.periods - before.throttledShare * before.periods;
  return { periods, throttledShare: periods > 0 ? throttled / periods : 0 };
}

function notMeasured(reason: string): Section {
  return {
    title: 'Memory of sync-contact',
    method: `Not measured on this machine: ${reason}.`,
    tables: [],
    charts: [],
    conclusions: [],
    goals: [
      {
        what: 'p99 from write to CRM with a processor quota',
        goal: `≤ ${seconds(MAX_LIVE_MS)}`,
        measured: reason,
        met: false,
      },
    ],
    figures: {},
  };
}
