import { describe, expect, it } from 'vitest';
import { history, print, run } from './history.ts';
import { checkHistories } from './random-histories.ts';

/** Each seed has 100 histories. */
const SEEDS = [1, 2, 3];

/** Histories that once went wrong, as a failure of the random histories prints them. */
const REGRESSIONS = [
  history([
    'ann signs up with one@example.com',
    'bob signs up with two@example.com',
    '5 s pass',
    'ann and bob swap emails',
  ]),
  history(['ann signs up with one@example.com', '5 s pass', 'ann is deleted and asks to be forgotten']),
  history([
    'ann signs up with one@example.com',
    '1 s pass',
    'ann changes the phone',
    'the app removes the crm map of ann',
  ]),
];

describe('three users whose changes, contacts and messages meet in any way', () => {
  it.each(SEEDS)('seed %d: every user has one right contact, and nobody another', async (seed) => {
    await checkHistories({ seed, runs: 100 });
  });

  it.each(REGRESSIONS.map((each) => [print(each), each] as const))('%s ends right', async (_, each) => {
    expect(await run(each)).toEqual([]);
  });
});
