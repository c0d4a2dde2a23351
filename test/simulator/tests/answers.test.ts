import type { KyInstance } from 'ky';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_TOKEN } from '../simulator.ts';
import { email, start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

interface Answer {
  tag_ids?: number[];
  custom_fields?: { id: number; content: string }[];
}

/** A contact with a tag and a custom field, as read by id and as listed. */
async function accountOfOne() {
  const simulator = await start();
  const { api, preload } = simulator;
  const [contact] = await preload([
    { values: { given_name: 'Ann' }, customFields: { 'App User Id': 'ann' }, tags: ['Week 1'] },
  ]);
  const searchParams = { optional_properties: 'custom_fields' };
  return {
    ...simulator,
    id: contact?.id ?? 0,
    read: () => api.get(`contacts/${contact?.id}`, { searchParams }).json<Answer>(),
    listed: async () =>
      (await api.get('contacts', { searchParams }).json<{ contacts: Answer[] }>()).contacts[0],
  };
}

describe('an answer about a contact', () => {
  it('shows tags by id only, and custom fields in lists too', async () => {
    const { read, listed } = await accountOfOne();
    expect(await read()).toMatchObject({
      tag_ids: [expect.any(Number)],
      custom_fields: [{ content: 'ann' }],
    });
    expect(await listed()).toMatchObject({ custom_fields: [{ content: 'ann' }] });
    expect(await listed()).not.toHaveProperty('tag_ids');
  });

  it('can omit tags, set at run time', async () => {
    const { api, admin, id, read } = await accountOfOne();
    await admin.post('answers', { json: { tagIds: false } });
    expect(await read()).not.toHaveProperty('tag_ids');
    const patched = api.patch(`contacts/${id}`, { json: { given_name: 'Anna' } });
    expect(await patched.json()).not.toHaveProperty('tag_ids');
    await admin.post('answers', { json: { tagIds: true } });
    expect(await read()).toHaveProperty('tag_ids');
  });

  it('can omit custom fields in lists only, set at run time', async () => {
    const { admin, read, listed } = await accountOfOne();
    await admin.post('answers', { json: { listedCustomFields: false } });
    expect(await listed()).not.toHaveProperty('custom_fields');
    expect(await read()).toHaveProperty('custom_fields');
    await admin.post('answers', { json: { listedCustomFields: true } });
    expect(await listed()).toHaveProperty('custom_fields');
  });

  it('has nulls for what has no value, or leaves it out, set at run time', async () => {
    const { url, api, admin, id } = await accountOfOne();
    const answers = async () => [
      await api.get(`contacts/${id}`).json(),
      (await api.get('contacts').json<{ contacts: object[] }>()).contacts[0],
    ];
    for (const answer of await answers()) expect(answer).toMatchObject({ middle_name: null, company: null });
    expect(await api.get('tags').json()).toMatchObject({ tags: [{ category: null }] });
    await admin.post('answers', { json: { nulls: false } });
    for (const answer of await answers()) {
      expect(answer).toMatchObject({ given_name: 'Ann', email_addresses: [] });
      expect(JSON.stringify(answer)).not.toContain('null');
    }
    const { tags } = await api.get('tags').json<{ tags: object[] }>();
    expect(tags).toMatchObject([{ name: 'Week 1' }]);
    expect(tags[0]).not.toHaveProperty('category');
    const headers = { 'x-keap-api-key': DEFAULT_TOKEN };
    expect(await (await fetch(`${url}/crm/rest/v2/leadSources`, { headers })).json()).toEqual({
      lead_sources: [],
    });
    await admin.post('answers', { json: { nulls: true } });
    for (const answer of await answers()) expect(answer).toHaveProperty('middle_name');
  });

  it('has empty lists, or null or nothing in their place, set at run time', async () => {
    const { api, admin, id } = await accountOfOne();
    const shown = async () => Object.entries(await api.get(`contacts/${id}`).json<object>());
    const emails = async () => (await shown()).filter(([key]) => key === 'email_addresses');
    expect(await emails()).toEqual([['email_addresses', []]]);
    await admin.post('answers', { json: { emptyLists: false } });
    expect(await emails()).toEqual([['email_addresses', null]]);
    expect(await api.get('companies').json()).toMatchObject({ companies: null, count: 0 });
    await admin.post('answers', { json: { nulls: false } });
    expect(await emails()).toEqual([]);
  });

  it.each([200, 201])('to the creation by an email has status %d, set at run time', async (createdStatus) => {
    const { api, admin } = await start();
    await admin.post('answers', { json: { createdStatus } });
    const statuses = [
      await upsert(api, email('ann@example.com')),
      await upsert(api, email('ann@example.com')),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([createdStatus, 200]);
  });

  it.each([400, 500])(
    'to an owner that does not exist has status %d, set at run time',
    async (unknownOwner) => {
      const { api, admin, contacts } = await start();
      await admin.post('answers', { json: { unknownOwner } });
      const answer = await upsert(api, { ...email('ann@example.com'), owner_id: 99 });
      expect(answer.status).toBe(unknownOwner);
      expect(await answer.json()).toEqual({ message: 'User 99 does not exist' });
      expect(await contacts()).toEqual([]);
    },
  );

  it.each(['object', 'entries'])('has tag results in the form of %s, set at run time', async (tagResults) => {
    const { api, admin, id } = await accountOfOne();
    await admin.post('answers', { json: { tagResults } });
    const results = await api.post(`contacts/${id}/tags`, { json: { tagIds: [999] } }).json();
    const result = { 999: 'TAG_ID_NOT_FOUND' };
    expect(results).toEqual(tagResults === 'object' ? result : [result]);
  });

  it('has the contact types in the settings', async () => {
    const { api, admin } = await start();
    await admin.post('directory', { json: { contactTypes: ['Customer', 'Prospect'] } });
    const settings = () => api.get('setting/application/configuration').json();
    expect(await settings()).toMatchObject({ contact: { contact_types: 'Customer,Prospect' } });
    await admin.post('directory', { json: { contactTypes: [] } });
    expect(await settings()).toMatchObject({ contact: { contact_types: null } });
    expect((await api.get('setting/contact/optionTypes')).status).toBe(404);
  });

  it.each([
    [false, '1'],
    [true, expect.stringMatching(/^http:.*\/crm\/rest\/v2\/leadSources\?page_size=1&page_token=1$/)],
  ])('has a token of the next page, or its address: %s', async (pageAddresses, next_page_token) => {
    const { url, admin } = await start();
    await admin.post('answers', { json: { pageAddresses } });
    await admin.post('directory', { json: { leadSources: ['App', 'Web'] } });
    const headers = { 'x-keap-api-key': DEFAULT_TOKEN };
    const answer = await fetch(`${url}/crm/rest/v2/leadSources?page_size=1`, { headers });
    expect(await answer.json()).toMatchObject({ next_page_token });
  });

  it('has a birthday as a moment in the form of the vendor', async () => {
    const { api, id } = await accountOfOne();
    const change = (birthday: string) =>
      api.patch(`contacts/${id}?optional_properties=birthday`, { json: { birthday } });
    expect(await change('1990-05-17T12:00:00.000Z').json()).toMatchObject({
      birthday: '1990-05-17T12:00:00.000+0000',
    });
    expect((await change('1990-05-17')).status).toBe(400);
    expect(await change('').json()).toMatchObject({ birthday: null });
  });

  it('has the times of the creation and the last update, in the form of the vendor', async () => {
    let now = Date.parse('2026-06-15T12:00:00Z');
    const { api } = await start({ now: () => now });
    const { id } = await upsert(api, email('ann@example.com')).json<{ id: number }>();
    now += 60_000;
    const times = {
      date_created: '2026-06-15T12:00:00.000+0000',
      last_updated: '2026-06-15T12:01:00.000+0000',
      last_updated_utc_millis: now,
    };
    const json = { given_name: 'Ann' };
    expect(await api.patch(`contacts/${id}`, { json }).json()).toMatchObject(times);
    expect(await api.get('contacts').json()).toMatchObject({ contacts: [times] });
  });
});

describe('a hidden contact', () => {
  const REQUESTS: [string, (api: KyInstance, id: number) => Promise<Response>][] = [
    ['GET', (api, id) => api.get(`contacts/${id}`)],
    ['PATCH', (api, id) => api.patch(`contacts/${id}`, { json: { given_name: 'A' } })],
    ['DELETE', (api, id) => api.delete(`contacts/${id}`)],
    ['DELETE of tags', (api, id) => api.delete(`contacts/${id}/tags?ids=1`)],
    ['GET of tags', (api, id) => api.get(`contacts/${id}/tags`)],
  ];

  it.each(REQUESTS)('answers %s with 404 until the time is over', async (_, request) => {
    let now = Date.parse('2026-06-15T12:00:00Z');
    const { api, admin, preload, contacts } = await start({ now: () => now });
    const [ann, bob] = await preload([{ values: { given_name: 'Ann' } }, { values: { given_name: 'Bob' } }]);
    await admin.post('hidden', { json: { contactIds: [ann?.id], forMs: 5000 } });
    expect((await request(api, ann?.id ?? 0)).status).toBe(404);
    expect((await request(api, bob?.id ?? 0)).status).toBeLessThan(300);
    now += 5000;
    expect((await contacts()).find(({ id }) => id === ann?.id)?.values).toEqual({ given_name: 'Ann' });
    expect((await request(api, ann?.id ?? 0)).status).toBeLessThan(300);
  });

  it('gets no tag, is still found by email, and can be any share of all contacts', async () => {
    const { api, admin, preload, contacts } = await start();
    const [ann] = await preload([{ values: { 'email_addresses.EMAIL1': 'ann@example.com' } }]);
    const tag = await api.post('tags', { json: { name: 'Week 1' } }).json<{ id: number }>();
    await admin.post('hidden', { json: { share: 1, forMs: 60_000 } });
    const json = { ids: [ann?.id] };
    expect(await api.post(`tags/${tag.id}/contacts`, { json }).json()).toEqual({
      [ann?.id ?? 0]: 'CONTACT_NOT_FOUND',
    });
    expect((await contacts())[0]?.tags).toEqual([]);
    expect(await upsert(api, email('ann@example.com')).json()).toMatchObject({ id: ann?.id });
    await admin.post('hidden', { json: { share: 0, forMs: 60_000 } });
    expect((await api.get(`contacts/${ann?.id}`)).status).toBe(200);
  });

  it('is in a stable share: about half of the contacts, and the same ones each time', async () => {
    const { api, admin, preload } = await start({ limits: { second: 1000 } });
    const ids = (await preload(Array.from({ length: 60 }, () => ({ values: { given_name: 'Ann' } })))).map(
      ({ id }) => id,
    );
    await admin.post('hidden', { json: { share: 0.5, forMs: 60_000 } });
    const hidden = async () => {
      const statuses = await Promise.all(ids.map(async (id) => (await api.get(`contacts/${id}`)).status));
      return ids.filter((_, index) => statuses[index] === 404);
    };
    const first = await hidden();
    expect(first.length).toBeGreaterThan(20);
    expect(first.length).toBeLessThan(40);
    expect(await hidden()).toEqual(first);
  });
});

describe('a failing contact', () => {
  const CHANGES: [string, (api: KyInstance, id: number, tagId: number) => Promise<Response>][] = [
    ['PUT', (api) => upsert(api, email('Ann@example.com'))],
    ['PATCH', (api, id) => api.patch(`contacts/${id}`, { json: { given_name: 'A' } })],
    ['POST of tags', (api, id, tagId) => api.post(`contacts/${id}/tags`, { json: { tagIds: [tagId] } })],
    ['DELETE of tags', (api, id, tagId) => api.delete(`contacts/${id}/tags?ids=${tagId}`)],
    ['POST of a tag', (api, id, tagId) => api.post(`tags/${tagId}/contacts`, { json: { ids: [id] } })],
    ['DELETE of a tag', (api, id, tagId) => api.delete(`tags/${tagId}/contacts?ids=${id}`)],
    [
      'PUT of its address',
      (api) => api.put('emailAddresses/ann%40example.com', { json: { opted_in: false, reason: 'asked' } }),
    ],
    ['DELETE', (api, id) => api.delete(`contacts/${id}`)],
  ];

  it.each(CHANGES)('answers %s with 500 and a message that repeats its values', async (_, change) => {
    const { api, admin, preload, contacts } = await start();
    const [ann, bob] = await preload(
      ['ann', 'bob'].map((name) => ({
        values: { given_name: name, 'email_addresses.EMAIL1': `${name}@example.com` },
      })),
    );
    const tag = await api.post('tags', { json: { name: 'Week 1' } }).json<{ id: number }>();
    await admin.post('failing', { json: { emails: ['ann@EXAMPLE.com'] } });
    const before = await contacts();
    const answer = await change(api, ann?.id ?? 0, tag.id);
    expect(answer.status).toBe(500);
    expect(await answer.text()).toMatch(/ann .*Ann@example.com/i);
    expect(await contacts()).toEqual(before);
    expect((await api.get(`contacts/${ann?.id}`)).status).toBe(200);
    expect((await api.patch(`contacts/${bob?.id}`, { json: { given_name: 'B' } })).status).toBe(200);
    await admin.post('failing', { json: { emails: [] } });
    expect((await change(api, ann?.id ?? 0, tag.id)).status).toBeLessThan(300);
  });
});
