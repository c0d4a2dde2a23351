import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';

it('nothing is lost, doubled or touched that is not the sync’s when everything goes wrong at once', async () => {
  const { problems, ...figures } = await runChaos({ seed: 3, users: 30, seconds: 15, without: [] }, () => {});
  expect(problems).toEqual([]);
  expect(figures).toMatchObject({
    lost: 0,
    doubledContacts: 0,
    foreignWrites: 0,
    wrongTags: 0,
    deadLettersUnexplained: 0,
  });
  expect(figures.changes).toBeGreaterThan(20);
}, 600_000);
