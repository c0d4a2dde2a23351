import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeReader, type ListPage } from '../../../shared/infusionsoft/change-reader.ts';
import { seenContact } from '../../../shared/infusionsoft/listed-contact.ts';
import { listedContactSchema } from '../../../shared/infusionsoft/listed-schemas.ts';
import { startCrm } from '../../support/crm-under-test.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  crm = await startCrm({ searchDelayMs: 0 });
});
afterEach(() => crm.stop());

const person = (name: string) => ({
  values: { 'email_addresses.EMAIL1': `${name}@example.com`, given_name: name },
});

/** All items of a list. */
async function all<Item>(page: (token?: string) => Promise<ListPage<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let token: string | undefined;
  do {
    const next = await page(token);
    items.push(...next.items);
    token = next.nextToken;
  } while (token !== undefined);
  return items;
}

describe('contacts', () => {
  it('show their fields by the keys of the mapping, their tags and the status of each address', async () => {
    const [{ id = 0 } = {}] = await crm.preload({
      values: {
        'email_addresses.EMAIL1': 'ann@example.com',
        'email_addresses.EMAIL2': 'ann@work.example',
        given_name: 'Ann',
        birthday: '1990-02-03',
        'phone_numbers.PHONE1': '+4915112345678',
        'addresses.BILLING.line1': 'Street 1',
        'addresses.BILLING.country_code': 'DEU',
        'social_accounts.LinkedIn': 'ann',
      },
      customFields: { Coach: 'Zoe' },
      tags: ['Customer'],
      emailStatus: 'ListUnsubscribe',
    });
    const { items } = await crm.client.listContacts({ ids: [id] });
    const [seen] = items.map((each) => seenContact(each, true));
    const field = (await crm.client.listCustomFields()).find(({ label }) => label === 'Coach');
    const tag = (await crm.client.listTags()).find(({ name }) => name === 'Customer');
    expect(seen).toMatchObject({ contactId: id, tagIds: [tag?.id], updatedAt: expect.any(Number) });
    expect(Object.fromEntries(seen?.fields ?? [])).toEqual({
      given_name: 'Ann',
      birthday: '1990-02-03',
      EMAIL1: 'ann@example.com',
      EMAIL2: 'ann@work.example',
      PHONE1: '+4915112345678',
      BILLING: JSON.stringify({ country_code: 'DEU', line1: 'Street 1' }),
      LinkedIn: 'ann',
      [`custom_fields.${field?.id}`]: 'Zoe',
    });
    expect(seen?.statuses).toEqual({ EMAIL1: 'LIST_UNSUBSCRIBE', EMAIL2: 'NON_MARKETABLE' });
  });

  it.each([false, true])('come in pages (whole addresses in place of tokens: %s)', async (pageAddresses) => {
    await crm.admin.set('answers', { pageAddresses });
    await crm.preload(
      ...Array.from({ length: 2300 }, (_, index) => ({ ...person(`p${index}`), isNew: true })),
    );
    const found = await all((token) => crm.client.listContacts({ updatedSince: Date.now() - 60_000, token }));
    expect(new Set(found.map(({ id }) => id)).size).toBe(2300);
    const times = found.map(({ update_time }) => update_time ?? '');
    expect(times).toEqual(times.toSorted());
  });

  it('can be listed from an id on, in the order of their ids', async () => {
    const created = await crm.preload(person('a'), person('b'), person('c'));
    const { items } = await crm.client.listContacts({ afterId: created[0]?.id ?? 0 });
    expect(items.map(({ id }) => id)).toEqual(created.slice(1).map(({ id }) => id));
  });

  it('without tags have none only if the page shows those of others', () => {
    const contact = listedContactSchema.parse({ id: '7' });
    expect(seenContact(contact, true).tagIds).toEqual([]);
    expect(seenContact(contact, false).tagIds).toBeUndefined();
    expect(seenContact({ ...contact, tag_ids: [3] }, false).tagIds).toEqual([3]);
  });

  it('may show null for every property but the id', () => {
    const nulls = Object.fromEntries(Object.keys(listedContactSchema.shape).map((name) => [name, null]));
    expect(seenContact(listedContactSchema.parse({ ...nulls, id: 7 }), false)).toEqual({
      contactId: 7,
      fields: new Map(),
      tagIds: undefined,
      statuses: {},
      createdAt: undefined,
      updatedAt: undefined,
      changedAt: undefined,
    });
  });
});

it('applied tags are listed since a time, for all contacts', async () => {
  const created = await crm.preload(person('a'), person('b'));
  const [one = 0, two = 0] = created.map(({ id }) => id);
  await crm.admin.edit(one, { addTags: ['Old'] });
  await new Promise((later) => setTimeout(later, 5));
  const since = Date.now();
  await crm.admin.edit(two, { addTags: ['New'] });
  const { items } = await crm.client.listAppliedTags({ since });
  expect(items).toMatchObject([{ contact_id: two, applied_at: expect.stringMatching(/Z$/) }]);
});

it('addresses that get no marketing are listed, with their status', async () => {
  await crm.preload(
    { ...person('in'), emailStatus: 'SingleOptIn' },
    { ...person('out'), emailStatus: 'HardBounce' },
  );
  const { items } = await crm.client.listOptOuts();
  expect(items).toMatchObject([{ email: 'out@example.com', opted_in: false, status: 'HARD_BOUNCE' }]);
});

it('an address of the next page without a token is refused', async () => {
  const reader = changeReader(async (_, __, schema) =>
    (schema as unknown as { parse(data: unknown): never }).parse({
      contacts: [],
      next_page_token: 'https://api.example.com/x?offset=5',
    }),
  );
  await expect(reader.listContacts({ afterId: 0 })).rejects.toThrow(/no page_token/);
});
