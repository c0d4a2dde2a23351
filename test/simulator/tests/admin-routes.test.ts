import { afterEach, describe, expect, it } from 'vitest';
import { email, start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

describe('/_simulator', () => {
  it('merges contacts: the surviving contact has all tags and emails, the other one is gone', async () => {
    const { api, admin, preload, contacts } = await start();
    const [from, into] = await preload([
      { values: { 'email_addresses.EMAIL1': 'old@example.com' }, tags: ['A', 'B'] },
      { values: { 'email_addresses.EMAIL1': 'new@example.com', given_name: 'Ann' }, tags: ['B', 'C'] },
    ]);
    await admin.post('merge', { json: { from: from?.id, into: into?.id } });
    expect((await api.get(`contacts/${from?.id}`)).status).toBe(404);
    expect(await contacts()).toMatchObject([
      {
        id: into?.id,
        tags: ['A', 'B', 'C'],
        values: {
          'email_addresses.EMAIL1': 'new@example.com',
          'email_addresses.EMAIL2': 'old@example.com',
          given_name: 'Ann',
        },
      },
    ]);
    expect(await upsert(api, email('old@example.com')).json()).toMatchObject({ id: into?.id });
    expect((await admin.post('merge', { json: { from: into?.id, into: into?.id } })).status).toBe(404);
  });

  it.each(['merge', 'replace'] as const)(
    'merges contacts with the values of the one that is gone, in an account with the array mode %s',
    async (arrays) => {
      const { api, admin, preload, contacts } = await start({ arrays });
      const [from, into] = await preload([
        {
          values: {
            'email_addresses.EMAIL1': 'bob@example.com',
            'email_addresses.EMAIL3': 'bob@work.example',
            given_name: 'Bob',
          },
          customFields: { 'App User Id': 'bob' },
          tags: ['Week 2'],
          emailStatus: 'ListUnsubscribe',
        },
        {
          values: {
            'email_addresses.EMAIL1': 'ann@example.com',
            'email_addresses.EMAIL2': 'Bob@example.com',
            given_name: 'Ann',
            'phone_numbers.PHONE2': '+12125550123',
            opt_in_reason: 'asked',
          },
          customFields: { 'App User Id': 'ann', Shoe: '41' },
          tags: ['Week 1'],
          emailStatus: 'SingleOptIn',
        },
      ]);
      await admin.post('merge', { json: { from: from?.id, into: into?.id, values: 'from' } });
      expect(await contacts()).toEqual([
        {
          id: into?.id,
          values: {
            'email_addresses.EMAIL1': 'bob@example.com',
            'email_addresses.EMAIL2': 'ann@example.com',
            'email_addresses.EMAIL3': 'bob@work.example',
            given_name: 'Bob',
            'phone_numbers.PHONE2': '+12125550123',
            opt_in_reason: 'asked',
          },
          customFields: { 'App User Id': 'bob', Shoe: '41' },
          tags: ['Week 1', 'Week 2'],
          emailStatus: 'ListUnsubscribe',
        },
      ]);
      expect((await api.get(`contacts/${from?.id}`)).status).toBe(404);
      expect(await upsert(api, email('ann@example.com')).json()).toMatchObject({ id: into?.id });
    },
  );

  it('drops the email of a merged contact when no slot is free', async () => {
    const { admin, preload, contacts } = await start();
    const slots = (name: string, ...numbers: number[]) =>
      Object.fromEntries(
        numbers.map((number) => [`email_addresses.EMAIL${number}`, `${name}${number}@example.com`]),
      );
    const [from, into] = await preload([{ values: slots('bob', 1) }, { values: slots('ann', 1, 2, 3) }]);
    await admin.post('merge', { json: { from: from?.id, into: into?.id } });
    expect((await contacts())[0]?.values).toEqual(slots('ann', 1, 2, 3));
  });

  it('resets statistics and foreign writes, and data on request', async () => {
    const { api, admin, stats } = await start();
    await admin.post('ownership', { json: { fields: [], customFields: [], tags: [] } });
    await upsert(api, email('ann@example.com'));
    expect(await stats()).toMatchObject({
      totalRequests: 1,
      contacts: 1,
      foreignWrites: [expect.anything()],
    });
    await admin.post('reset', { json: {} });
    expect(await stats()).toMatchObject({
      requests: {},
      totalRequests: 0,
      maxArrivalsInAnySecond: 0,
      firstRequestAt: null,
      contactsCreated: 0,
      foreignWrites: [],
      contacts: 1,
    });
    await admin.post('reset', { json: { data: true } });
    expect(await stats()).toMatchObject({ contacts: 0 });
    expect(await upsert(api, email('ann@example.com')).json()).toMatchObject({ tag_ids: [] });
    expect(await stats()).toMatchObject({ contactsCreated: 1, contactsUpdated: 0 });
  });

  it('sends wrong headers with a number of answers', async () => {
    const { api, admin } = await start();
    const headers = { 'x-keap-product-quota-used': '99999999', 'x-keap-product-quota-limit': '10' };
    await admin.post('limits', { json: { wrongHeaders: { answers: 2, headers } } });
    const used = async () => (await api.get('tags')).headers.get('x-keap-product-quota-used');
    expect([await used(), await used(), await used(), await used()]).toEqual([
      '99999999',
      '99999999',
      '3',
      '4',
    ]);
  });

  it('refuses requests about one tag of many contacts because of one of them', async () => {
    const { api, admin, preload, contacts } = await start();
    const [ann, bob] = await preload([
      { values: { 'email_addresses.EMAIL1': 'Ann@example.com' }, tags: ['A'] },
      { values: { 'email_addresses.EMAIL1': 'bob@example.com' } },
    ]);
    const { tags } = await api.get('tags').json<{ tags: { id: number }[] }>();
    const [tagId, ids] = [tags[0]?.id, [ann?.id, bob?.id]];
    const statuses = async () => [
      (await api.post(`tags/${tagId}/contacts`, { json: { ids } })).status,
      (await api.delete(`tags/${tagId}/contacts?ids=${ids.join()}`)).status,
    ];
    await admin.post('bulk-refusals', { json: { emails: ['ann@example.com'] } });
    expect(await statuses()).toEqual([400, 400]);
    expect((await contacts()).map(({ tags }) => tags)).toEqual([['A'], []]);
    expect((await api.delete(`contacts/${ann?.id}/tags?ids=${tagId}`)).status).toBe(204);
    await admin.post('bulk-refusals', { json: { emails: [] } });
    expect(await statuses()).toEqual([200, 204]);
  });

  it('resets the used requests of the day', async () => {
    const { api, admin } = await start({ limits: { day: 1 } });
    expect((await api.get('tags')).status).toBe(200);
    expect((await api.get('tags')).status).toBe(429);
    await admin.post('limits', { json: { resetUsed: true } });
    expect((await api.get('tags')).status).toBe(200);
  });

  it('reports when requests arrived', async () => {
    let now = Date.parse('2026-06-15T12:00:00Z');
    const first = now;
    const { api, admin, stats } = await start({ now: () => now });
    await api.get('tags');
    now += 5000;
    await api.get('tags');
    expect(await stats()).toMatchObject({ firstRequestAt: first, lastRequestAt: now });
    expect(await admin.get('times').json()).toEqual([first, now]);
  });

  it('has an HTML page with statistics', async () => {
    const { url } = await start();
    const page = await fetch(`${url}/_simulator`);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('maxRequestsInAnySecond');
  });

  it('rejects invalid settings', async () => {
    const { admin } = await start();
    expect((await admin.post('faults', { json: { rate: 2 } })).status).toBe(400);
    expect((await admin.post('limits', { json: { hour: 1 } })).status).toBe(400);
    expect((await admin.post('faults', { json: { lateMs: 31_000 } })).status).toBe(400);
    expect((await admin.post('search', { json: { delayMs: 61_000 } })).status).toBe(400);
    expect((await admin.post('hidden', { json: { share: 2, forMs: 1 } })).status).toBe(400);
  });
});

describe('a forbidden contact', () => {
  it('is rejected with 403 on its own and skipped in a bulk request', async () => {
    const { api, admin } = await start();
    const put = (email: string) =>
      api.put('contacts', {
        json: { duplicate_option: 'Email', email_addresses: [{ email, field: 'EMAIL1' }] },
      });
    const [ann, bob] = [
      await (await put('ann@example.com')).json<{ id: number }>(),
      await (await put('bob@example.com')).json<{ id: number }>(),
    ];
    const tag = await api.post('tags', { json: { name: 'App User' } }).json<{ id: number }>();
    await admin.post('forbidden', { json: { emails: ['Ann@example.com'] } });
    expect((await put('ann@example.com')).status).toBe(403);
    expect((await api.post(`contacts/${ann.id}/tags`, { json: { tagIds: [tag.id] } })).status).toBe(403);
    expect((await put('bob@example.com')).status).toBe(200);
    const bulk = api.post(`tags/${tag.id}/contacts`, { json: { ids: [ann.id, bob.id] } });
    expect(await bulk.json()).toEqual({ [ann.id]: 'NO_PERMISSION', [bob.id]: 'SUCCESS' });
    await admin.post('forbidden', { json: { emails: [] } });
    expect((await put('ann@example.com')).status).toBe(200);
  });
});

describe('a created tag or custom field', () => {
  it('is a foreign write unless the client owns its name', async () => {
    const { api, admin, stats } = await start();
    await admin.post('ownership', {
      json: { fields: [], customFields: ['Program'], tags: ['App User'] },
    });
    for (const name of ['App User', 'VIP']) await api.post('tags', { json: { name } });
    for (const label of ['Program', 'Shoe size', 'Program']) {
      await api.post('contacts/model/customFields', { json: { label, field_type: 'Text' } });
    }
    const { foreignWrites, duplicateCustomFields } = await stats();
    expect(foreignWrites).toEqual([
      { contactId: null, what: 'creation of tag "VIP"' },
      { contactId: null, what: 'creation of custom field "Shoe size"' },
    ]);
    expect(duplicateCustomFields).toBe(1);
  });

  it('is refused while the account does not allow it', async () => {
    const { api, admin, stats } = await start();
    await admin.post('ownership', { json: { fields: [], customFields: [], tags: [] } });
    const create = async () => [
      (await api.post('tags', { json: { name: 'Week 1' } })).status,
      (await api.post('contacts/model/customFields', { json: { label: 'Program', field_type: 'Text' } }))
        .status,
    ];
    await admin.post('directory', { json: { refusedCreations: ['Week 1', 'Program'] } });
    expect(await create()).toEqual([400, 400]);
    await admin.post('directory', { json: { staff: ['sam@example.com'] } });
    expect(await create()).toEqual([400, 400]);
    expect(await stats()).toMatchObject({ tags: 0, foreignWrites: [] });
    expect(await api.get('contacts/model').json()).toMatchObject({ custom_fields: [] });
    await admin.post('directory', { json: { refusedCreations: [] } });
    expect(await create()).toEqual([200, 201]);
  });

  it('has its options and category', async () => {
    const { api } = await start();
    const category = await api.post('tags/categories', { json: { name: 'App' } }).json<{ id: number }>();
    await api.post('tags', { json: { name: 'App User', category: { id: category.id } } });
    await api.post('tags', { json: { name: 'Other' } });
    expect(await api.get(`tags?category=${category.id}`).json()).toMatchObject({
      tags: [{ name: 'App User', category: { id: category.id, name: 'App' } }],
    });
    expect((await api.post('tags', { json: { name: 'X', category: { id: 999 } } })).status).toBe(400);
    const json = { label: 'Size', field_type: 'Dropdown', options: [{ label: 'S' }, { label: 'L' }] };
    expect(await api.post('contacts/model/customFields', { json }).json()).toMatchObject({
      options: [{ label: 'S' }, { label: 'L' }],
    });
  });
});
