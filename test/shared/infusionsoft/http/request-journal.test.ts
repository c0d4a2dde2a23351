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

it('knows about whom the work is, also inside of other work', async () => {
  const journal = requestJournal();
  const users = journal.during(
    async () => [journal.user(), await journal.during(async () => journal.user())],
    'ann',
  );
  expect(await users).toEqual(['ann', 'ann']);
  expect(journal.user()).toBeUndefined();
});

it.each([
  ['PUT', '/crm/rest/v1/contacts', 201, true],
  ['PATCH', '/crm/rest/v1/contacts/7', 200, true],
  ['DELETE', '/crm/rest/v1/contacts/7/tags', 204, true],
  ['PATCH', '/crm/rest/v1/contacts/7', 500, false],
  ['PATCH', '/crm/rest/v1/contacts/7', undefined, false],
  ['GET', '/crm/rest/v1/contacts/7', 200, false],
  ['POST', '/crm/rest/v1/tags', 201, false],
])(
  'says whether the CRM has accepted a change of a contact: %s %s %s',
  async (method, path, status, expected) => {
    const journal = requestJournal();
    const hasWritten = journal.during(async () => {
      journal.record({ method, path, status, durationMs: 1 });
      return journal.hasWritten();
    });
    expect(await hasWritten).toBe(expected);
    expect(journal.hasWritten()).toBe(false);
  },
);
