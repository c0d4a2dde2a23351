import { afterEach, describe, expect, it } from 'vitest';
import { start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

interface Listed {
  contacts: { id: number; given_name: string }[];
  count: number;
}

/** Three contacts, an hour apart. */
async function accountOfThree(searchDelayMs = 0) {
  let now = Date.parse('2026-06-15T12:00:00Z');
  const simulator = await start({ searchDelayMs, now: () => now });
  const { api } = simulator;
  for (const [name, address] of [
    ['Cy', 'cy@example.com'],
    ['Ann', 'ann@example.com'],
    ['Bob', 'bob@example.com'],
  ]) {
    await upsert(api, {
      given_name: name,
      email_addresses: [
        { field: 'EMAIL1', email: address },
        { field: 'EMAIL2', email: `2.${address}` },
      ],
    });
    now += 3_600_000;
  }
  const found = async (searchParams: Record<string, string | number>) =>
    (await api.get('contacts', { searchParams }).json<Listed>()).contacts.map(({ given_name }) => given_name);
  return {
    ...simulator,
    found,
    setTime: (iso: string) => {
      now = Date.parse(iso);
    },
  };
}

describe('a search for contacts', () => {
  it.each([
    ['any of the emails, whatever its case', { email: '2.ANN@example.com' }, ['Ann']],
    ['a name', { given_name: 'Bob' }, ['Bob']],
    [
      'the time of the last update',
      { since: '2026-06-15T13:00:00Z', until: '2026-06-15T13:30:00Z' },
      ['Ann'],
    ],
    ['nothing, in the order of ids', {}, ['Cy', 'Ann', 'Bob']],
    ['nothing, in the order of first names', { order: 'firstName' }, ['Ann', 'Bob', 'Cy']],
    [
      'nothing, from the newest on',
      { order: 'date_created', order_direction: 'descending' },
      ['Bob', 'Ann', 'Cy'],
    ],
    ['nothing, a page at a time', { limit: 1, offset: 1 }, ['Ann']],
  ] as const)('goes by %s', async (_, searchParams, expected) => {
    const { found } = await accountOfThree();
    expect(await found(searchParams)).toEqual(expected);
  });

  it.each([{ limit: 'many' }, { since: 'yesterday' }, { order: 'shoe' }])(
    'refuses %o',
    async (searchParams) => {
      const { api } = await accountOfThree();
      expect((await api.get('contacts', { searchParams })).status).toBe(400);
    },
  );

  it('does not know a contact of a moment ago, which a read by id does', async () => {
    const { api, found, setTime } = await accountOfThree(1000);
    setTime('2026-06-15T18:00:00Z');
    const { id } = await upsert(api, {
      given_name: 'Dee',
      phone_numbers: [{ field: 'PHONE1', number: '1' }],
    }).json<{
      id: number;
    }>();
    expect(await found({ given_name: 'Dee' })).toEqual([]);
    expect((await api.get(`contacts/${id}`)).status).toBe(200);
    setTime('2026-06-15T18:00:01Z');
    expect(await found({ given_name: 'Dee' })).toEqual(['Dee']);
  });
});
