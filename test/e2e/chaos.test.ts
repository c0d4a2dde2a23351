import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { expectNothingWrong } from '../chaos/expect-nothing-wrong.ts';

/**
 * `kill` and `quota` keep a run waiting: for the messages of a killed environment, and for a quota that is spent. Merges by hand are left to
 * the random histories and to test/long, which has all actions.
 */
const WITHOUT = ['kill', 'quota', 'mergeUsers'];

it('loses, doubles and touches nothing when faults happen at the same time', async () => {
  const options = { seed: 3, users: 30, seconds: 15, without: WITHOUT };
  const report = await runChaos(options, () => {});
  expectNothingWrong(report);
  expect(report.changes).toBeGreaterThan(20);
}, 480_000);
