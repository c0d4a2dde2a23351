import { afterEach, describe, expect, it } from 'vitest';
import type { SearchMode } from '../account/search.ts';
import { start, stopAll, upsert } from './simulator-under-test.ts';

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
    [
      'nothing, last updated first',
      { order: 'last_updated', order_direction: 'DESCENDING' },
      ['Bob', 'Ann', 'Cy'],
    ],
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

  it.each([{ limit: 'many' }, { since: 'yesterday' }, { order: 'shoe' }, { order_direction: 'sideways' }])(
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

  it('shows a contact as it was before an update until the search delay is over, set at run time', async () => {
    const { api, admin, found, setTime } = await accountOfThree();
    await admin.post('search', { json: { delayMs: 3000 } });
    const ann = await api
      .get('contacts', { searchParams: { email: 'ann@example.com' } })
      .json<{ contacts: { id: number }[] }>();
    const rename = (given_name: string) =>
      api.patch(`contacts/${ann.contacts[0]?.id}`, { json: { given_name } });
    const since = '2026-06-15T18:00:00Z';
    setTime(since);
    await rename('Anna');
    setTime('2026-06-15T18:00:02Z');
    await rename('Annabel');
    expect(await found({ given_name: 'Ann' })).toEqual(['Ann']);
    expect(await found({ since })).toEqual([]);
    setTime('2026-06-15T18:00:03Z');
    expect(await found({ given_name: 'Ann' })).toEqual([]);
    expect(await found({ since })).toEqual(['Anna']);
    setTime('2026-06-15T18:00:05Z');
    expect(await found({ since })).toEqual(['Annabel']);
    await admin.post('search', { json: { mode: 'prefix' } });
    expect(await found({ given_name: 'Annab' })).toEqual(['Annabel']);
  });

  it('pages through what was updated since a time, with custom fields on request', async () => {
    const { api, preload, setTime } = await accountOfThree();
    await preload([{ values: { given_name: 'Old' }, customFields: { 'App User Id': 'old' } }]);
    const { custom_fields } = await api
      .get('contacts/model')
      .json<{ custom_fields: { id: number; label: string }[] }>();
    const fieldId = custom_fields[0]?.id;
    const listed = await api.get('contacts').json<Listed>();
    for (const [index, name] of ['Bob', 'Ann', 'Cy'].entries()) {
      setTime(`2026-06-16T12:00:0${index}Z`);
      const json = { custom_fields: [{ id: fieldId, content: name.toLowerCase() }] };
      const id = listed.contacts.find(({ given_name }) => given_name === name)?.id;
      await api.patch(`contacts/${id}`, { json });
    }
    const page = (offset: number, optional_properties = 'custom_fields') =>
      api
        .get('contacts', {
          searchParams: {
            since: '2026-06-16T12:00:00.000Z',
            until: '2026-06-16T12:00:01.000Z',
            order: 'last_updated',
            limit: 1,
            offset,
            optional_properties,
          },
        })
        .json<Listed>();
    setTime('2026-06-17T12:00:00Z');
    expect(await page(0)).toMatchObject({
      count: 2,
      contacts: [{ given_name: 'Bob', custom_fields: [{ id: fieldId, content: 'bob' }] }],
    });
    expect(await page(1)).toMatchObject({
      count: 2,
      contacts: [{ given_name: 'Ann', custom_fields: [{ id: fieldId, content: 'ann' }] }],
    });
    expect((await page(2)).contacts).toEqual([]);
    expect((await page(0, 'job_title')).contacts[0]).not.toHaveProperty('custom_fields');
  });

  it('lists the survivor of a merge as updated', async () => {
    const { api, admin, found, setTime } = await accountOfThree();
    const [cy, ann] = (await api.get('contacts').json<Listed>()).contacts;
    setTime('2026-06-16T12:00:00Z');
    await admin.post('merge', { json: { from: ann?.id, into: cy?.id, values: 'from' } });
    expect(await found({ since: '2026-06-16T12:00:00Z' })).toEqual(['Ann']);
    expect(await found({ email: 'cy@example.com' })).toEqual(['Ann']);
  });

  it('finds a contact that a person creates now', async () => {
    const { preload, found, setTime } = await accountOfThree(1000);
    setTime('2026-06-16T12:00:00Z');
    await preload([{ values: { given_name: 'Dee' }, isNew: true }, { values: { given_name: 'Eve' } }]);
    expect(await found({ since: '2026-06-16T12:00:00Z' })).toEqual([]);
    setTime('2026-06-16T12:00:01Z');
    expect(await found({ since: '2026-06-16T12:00:00Z' })).toEqual(['Dee']);
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
