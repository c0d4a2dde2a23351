import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { requestJournal } from '../../../../shared/infusionsoft/http/request-journal.ts';

it('separates the requests of users who are processed in parallel', async () => {
  const journal = requestJournal();
  const work = (path: string, waits: readonly number[]) =>
    journal.during(async () => {
      for (const durationMs of waits) {
        await sleep(durationMs);
        journal.record({ method: 'GET', path, status: durationMs > 5 ? 200 : undefined, durationMs });
      }
      return journal.lines();
    });
  expect(await Promise.all([work('/a', [1, 9, 2]), work('/b', [6])])).toEqual([
    ['GET /a no answer 1 ms', 'GET /a 200 9 ms', 'GET /a no answer 2 ms'],
    ['GET /b 200 6 ms'],
  ]);
  // A request outside of any work has no journal.
  journal.record({ method: 'GET', path: '/c', status: 200, durationMs: 1 });
  expect(journal.lines()).toEqual([]);
});
