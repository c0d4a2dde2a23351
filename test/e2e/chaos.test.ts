import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { expectNothingWrong } from '../chaos/expect-nothing-wrong.ts';

/**
 * Actions that run in test/long only: those that make a run wait, for messages of a killed environment or for a spent quota, and those that
 * the random histories of `npm test` cover, such as meetings of two users.
 */
const WITHOUT = [
  ...['kill', 'quota'],
  ...['mergeUsers', 'handOver', 'swap', 'forget', 'deleteInFlight', 'correctEmail'],
  ...['putOlder', 'putWithout', 'resync', 'webForm', 'partialAnswers', 'hideContacts', 'searchDelay'],
];

it('loses, doubles and touches nothing when faults happen at the same time', async () => {
  const options = { seed: 3, users: 30, seconds: 15, without: WITHOUT };
  const report = await runChaos(options, () => {});
  expectNothingWrong(report);
  expect(report.changes).toBeGreaterThan(20);
}, 480_000);
