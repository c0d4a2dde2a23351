import type { KyInstance } from 'ky';
import { afterEach, describe, expect, it } from 'vitest';
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

  it.each(REQUESTS)('answers %s with 404 until the spell passes', async (_, request) => {
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
