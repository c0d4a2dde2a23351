import { describe, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { expectNothingWrong } from '../chaos/expect-nothing-wrong.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/** More than the sum of the run's own time limits, whose errors say more. */
const TIMEOUT_MS = 60 * 60_000;

describe('300 users under random faults', () => {
  it.each(SEEDS)(
    'seed %d: nothing is lost, duplicated, foreign or wrong',
    async (seed) => {
      const startedAt = Date.now();
      const report = await runChaos({ seed, users: 300, seconds: 40, without: [] }, () => {});
      process.stdout.write(`${((Date.now() - startedAt) / 1000).toFixed(0)} s  ${JSON.stringify(report)}\n`);
      expectNothingWrong(report);
    },
    TIMEOUT_MS,
  );
});
