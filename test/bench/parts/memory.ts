import { percentile } from '../../../infra/cli/support/percentile.ts';
import { SYNC_CONTACT_MEMORY_MB } from '../../../infra/constructs/contact-sync.ts';
import { priceOf, readPrices } from '../../cost/prices.ts';
import { population } from '../../demo/population.ts';
import { functionFolder } from '../../support/function-folder.ts';
import type { Part, Section } from '../section.ts';
import { type BenchSystem, withBenchSystem } from '../system/bench-system.ts';
import { liveLatencies } from '../system/live-latency.ts';
import {
  type Throttling,
  throttlingIn,
  whyNoQuotas,
  withProcessorQuotas,
} from '../system/processor-quotas.ts';
import { type SteadyResult, steadyPart } from '../system/steady-backfill.ts';
import { goal, number, percent } from '../words.ts';

/** Sizes in MB: a whole processor, the deployed one, and others. */
const SIZES = [...new Set([1769, SYNC_CONTACT_MEMORY_MB, 1024, 768, 512])];
const WARM_EDITS = 30;
const EDITS = 100;
const EVERY_MS = 250;
const WARM_UP = 400;
const COUNTED = 800;
const REST = 200;
const MOST_LIVE_MS = 1000;
const LEAST_FILLED = 0.95;
const MILLION = 1_000_000;

interface Measured {
  megabytes: number;
  p50: number;
  p99: number;
  /** Of the live edits. */
  throttling: Throttling;
  gbSecondsPerChange: number;
  backfill: SteadyResult;
  backfillThrottling: Throttling;
  gbSecondsPerUser: number;
}

/** What less memory for sync-contact, and with it a smaller part of a processor, does to live changes and to the pace. */
export const memory: Part = {
  name: 'memory',
  about: 'sync-contact with less memory, and the part of a processor that Lambda gives with it',
  async run(say): Promise<Section> {
    const reason = whyNoQuotas();
    if (reason) return notMeasured(reason);
    const results: Measured[] = [];
    for (const megabytes of SIZES) {
      say(`sync-contact with ${megabytes} MB`);
      const result = await withProcessorQuotas((directory) => measure(directory, megabytes));
      results.push(result);
      say(rowOf(result).join('  '));
    }
    const chosen = results.filter(({ megabytes }) => megabytes === SYNC_CONTACT_MEMORY_MB);
    return {
      title: 'Memory of sync-contact',
      method: `The stack on the local cloud in real time, at the CRM's real latency, where each environment of each function runs in a cgroup with the quota that Lambda gives with its memory: memory / 1,769 MB of a processor, in periods of 20 ms, once its code is loaded. ${EDITS} users are edited, one each ${EVERY_MS} ms, after ${WARM_EDITS} to warm up; then ${COUNTED} requests out of the middle of a backfill are counted. Stopped: periods in which an environment of any function had used up its quota. GB-seconds are those of sync-contact.`,
      tables: [
        {
          columns: [
            'memory (MB)',
            'processor',
            'live p50 (s)',
            'live p99 (s)',
            'stopped, live',
            'quota filled',
            'refused',
            'stopped, backfill',
            'GB-s a change',
            'GB-s a user',
            '$ for a million changes',
          ],
          rows: results.map(rowOf),
        },
      ],
      charts: [],
      conclusions: [],
      goals: chosen.flatMap(({ megabytes, p99, backfill }) => [
        goal(
          `p99 from write to CRM, warm, with ${number(megabytes, 0)} MB`,
          `≤ ${number(MOST_LIVE_MS / 1000, 0)} s`,
          `${number(p99 / 1000, 2)} s`,
          p99 <= MOST_LIVE_MS,
        ),
        goal(
          `quota filled, with ${number(megabytes, 0)} MB`,
          `≥ ${percent(LEAST_FILLED, 0)}`,
          percent(backfill.utilisation),
          backfill.utilisation >= LEAST_FILLED,
        ),
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
    const start = reading(system, directory);
    const live = await liveLatencies(system, edited.slice(WARM_EDITS), EVERY_MS);
    await system.settle();
    const afterLive = reading(system, directory);
    const backfill = await steadyPart(system, WARM_UP, COUNTED);
    const afterBackfill = reading(system, directory);
    return {
      megabytes,
      p50: percentile(live, 0.5),
      p99: percentile(live, 0.99),
      throttling: between(start.throttling, afterLive.throttling),
      gbSecondsPerChange: (afterLive.gbSeconds - start.gbSeconds) / EDITS,
      backfill,
      backfillThrottling: between(afterLive.throttling, afterBackfill.throttling),
      gbSecondsPerUser: (afterBackfill.gbSeconds - afterLive.gbSeconds) / others.length,
    };
  });
}

const rowOf = (each: Measured): string[] => [
  number(each.megabytes, 0),
  percent(each.megabytes / 1769, 0),
  number(each.p50 / 1000, 2),
  number(each.p99 / 1000, 2),
  percent(each.throttling.throttledPart, 1),
  percent(each.backfill.utilisation),
  percent(each.backfill.refusedPart, 2),
  percent(each.backfillThrottling.throttledPart, 1),
  number(each.gbSecondsPerChange, 3),
  number(each.gbSecondsPerUser, 3),
  number(priceOf('lambdaGbSeconds', each.gbSecondsPerChange * MILLION, readPrices()), 2),
];

function reading({ system }: BenchSystem, directory: string) {
  const functions = Object.entries(system.cloud.statistics().functions);
  const [, use] = functions.find(([name]) => functionFolder(name) === 'sync-contact') ?? [];
  return { throttling: throttlingIn(directory), gbSeconds: use?.gbSeconds ?? Number.NaN };
}

function between(before: Throttling, after: Throttling): Throttling {
  const periods = after.periods - before.periods;
  const stopped = after.throttledPart * after.periods - before.throttledPart * before.periods;
  return { periods, throttledPart: periods > 0 ? stopped / periods : 0 };
}

function notMeasured(reason: string): Section {
  return {
    title: 'Memory of sync-contact',
    method: `Not measured on this machine: ${reason}.`,
    tables: [],
    charts: [],
    conclusions: [],
    goals: [
      goal(`p99 from write to CRM with a quota of a processor`, `≤ ${MOST_LIVE_MS / 1000} s`, reason, false),
    ],
    figures: {},
  };
}
