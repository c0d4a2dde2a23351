import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { expectNothingWrong } from '../chaos/expect-nothing-wrong.ts';

/**
 * Left to test/long: what keeps a run waiting, for the messages of a killed environment or a quota that is spent, and users who meet each
 * other, which `npm test` plays in random histories.
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
