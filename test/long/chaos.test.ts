import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { expectNothingWrong } from '../chaos/expect-nothing-wrong.ts';

it.each([3, 4, 9])(
  'loses, doubles and touches nothing when everything goes wrong at once (seed %i)',
  async (seed) => {
    const report = await runChaos({ seed, users: 30, seconds: 15, without: [] }, () => {});
    expectNothingWrong(report);
    expect(report.changes).toBeGreaterThan(20);
  },
  900_000,
);
