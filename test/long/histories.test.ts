import { describe, it } from 'vitest';
import { checkPollHistories } from '../histories/poll-history.ts';
import { checkHistories } from '../histories/random-histories.ts';

/** Each seed has 1000 histories. */
const SEEDS = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
const TIMEOUT_MS = 10 * 60_000;

describe('10,000 histories of three users', () => {
  it.each(SEEDS)(
    'seed %d: every user ends with one correct contact and no other',
    async (seed) => {
      await checkHistories({ seed, runs: 1000 });
    },
    TIMEOUT_MS,
  );
});

it(
  '3,000 histories of polls: each change made by hand arrives as exactly one event',
  async () => {
    await checkPollHistories({ runs: 3000 });
  },
  60 * 60_000,
);
