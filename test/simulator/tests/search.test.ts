import { afterEach, describe, expect, it } from 'vitest';
import { start, stopAll, upsert } from '../../support/simulator-under-test.ts';
import type { SearchMode } from '../account/search.ts';

afterEach(stopAll);

interface Listed {
  contacts: { id: number; given_name: string }[];
  count: number;
}

/** Three contacts, created one hour apart. */
async function accountOfThree(searchDelayMs = 0, search: SearchMode = 'exact') {
  let now = Date.parse('2026-06-15T12:00:00Z');
  const simulator = await start({ searchDelayMs, search, now: () => now });
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

describe('GET /contacts', () => {
  it.each([
    ['any email, ignoring case', { email: '2.ANN@example.com' }, ['Ann']],
    ['a name', { given_name: 'Bob' }, ['Bob']],
    [
      'the time of the last update',
      { since: '2026-06-15T13:00:00Z', until: '2026-06-15T13:30:00Z' },
      ['Ann'],
    ],
    ['nothing, by id', {}, ['Cy', 'Ann', 'Bob']],
    ['nothing, by first name', { order: 'firstName' }, ['Ann', 'Bob', 'Cy']],
    ['nothing, newest first', { order: 'date_created', order_direction: 'descending' }, ['Bob', 'Ann', 'Cy']],
    ['nothing, one page', { limit: 1, offset: 1 }, ['Ann']],
  ] as const)('filters by %s', async (_, searchParams, expected) => {
    const { found } = await accountOfThree();
    expect(await found(searchParams)).toEqual(expected);
  });

  it.each([
    ['exact', ['Ann']],
    ['prefix', ['Ann', 'Anna']],
    ['loose', ['Cy', 'Ann', 'Bob', 'Anna']],
    ['ignored', ['Cy', 'Ann', 'Bob', 'Anna', 'Zoe']],
  ] as const)('matches emails in the mode %s, set at run time', async (mode, expected) => {
    const { admin, preload, found } = await accountOfThree();
    await preload([
      { values: { given_name: 'Anna', 'email_addresses.EMAIL3': 'ann@example.com.au' } },
      { values: { given_name: 'Zoe', 'email_addresses.EMAIL1': 'zoe@work.invalid' } },
    ]);
    await admin.post('search', { json: { mode } });
    expect(await found({ email: 'ANN@example.com' })).toEqual(expected);
  });

  it.each([
    ['exact', []],
    ['prefix', ['Ann']],
    ['ignored', ['Cy', 'Ann', 'Bob']],
  ] as const)('matches names in the mode %s, set at the start', async (search, expected) => {
    const { found } = await accountOfThree(0, search);
    expect(await found({ given_name: 'An' })).toEqual(expected);
  });

  it.each([{ limit: 'many' }, { since: 'yesterday' }, { order: 'shoe' }])(
    'rejects %o',
    async (searchParams) => {
      const { api } = await accountOfThree();
      expect((await api.get('contacts', { searchParams })).status).toBe(400);
    },
  );

  it('finds a new contact only after the search delay, while a read by id finds it at once', async () => {
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

it.each([
  ['exact', ['Ann Ltd'], ['Week 1']],
  ['prefix', ['Ann Ltd', 'Ann Ltd Holding'], ['Week 1', 'Week 12']],
  ['loose', ['Ann Ltd', 'Ann Ltd Holding', 'Bob Ltd'], ['Week 1', 'Week 12', 'Week 2']],
  ['ignored', ['Ann Ltd', 'Ann Ltd Holding', 'Bob Ltd', 'Cy'], ['Week 1', 'Week 12', 'Week 2', 'VIP']],
] as const)('GET /companies and GET /tags match in the mode %s', async (search, companies, tags) => {
  const { api } = await start({ search });
  for (const company_name of ['Ann Ltd', 'Ann Ltd Holding', 'Bob Ltd', 'Cy'])
    await api.post('companies', { json: { company_name } });
  for (const name of ['Week 1', 'Week 12', 'Week 2', 'VIP']) await api.post('tags', { json: { name } });
  const found = async (path: string, searchParams: Record<string, string>) =>
    JSON.stringify(await api.get(path, { searchParams }).json());
  const names = (text: string, key: string) =>
    [...text.matchAll(new RegExp(`"${key}":"([^"]+)"`, 'g'))].map(([, name]) => name);
  expect(names(await found('companies', { company_name: 'ann ltd' }), 'company_name')).toEqual(companies);
  expect(names(await found('tags', { name: 'week 1' }), 'name')).toEqual(tags);
});
