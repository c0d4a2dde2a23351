import { describe, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { expectNothingWrong } from '../chaos/expect-nothing-wrong.ts';

/** Sixteen consecutive seeds have all combinations of search and array modes. `.ci/run` plays the first three. */
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
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
