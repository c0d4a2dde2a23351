import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';

it.each([3, 4, 9])(
  'loses, doubles and touches nothing when everything goes wrong at once (seed %i)',
  async (seed) => {
    const { problems, ...figures } = await runChaos({ seed, users: 30, seconds: 15, without: [] }, () => {});
    expect(problems).toEqual([]);
    expect(figures).toMatchObject({
      lost: 0,
      doubledContacts: 0,
      foreignWrites: 0,
      wrongTags: 0,
      deadLettersUnexplained: 0,
    });
    expect(figures.changes).toBeGreaterThan(20);
  },
  900_000,
);
