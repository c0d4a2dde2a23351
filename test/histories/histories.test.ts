import { describe, expect, it } from 'vitest';
import { run } from './history.ts';
import { checkHistories } from './random-histories.ts';
import { REGRESSIONS } from './regressions.ts';

/** Each seed has 100 histories. */
const SEEDS = [1, 2, 3];

describe('random histories of three users', () => {
  it.each(SEEDS)('seed %d: every user ends with one correct contact and no other', async (seed) => {
    await checkHistories({ seed, runs: 100 });
  });

  it.each(Object.entries(REGRESSIONS))('%s', async (_, each) => {
    expect(await run(each)).toEqual([]);
  });
});
