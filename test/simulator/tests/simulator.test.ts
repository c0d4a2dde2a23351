import ky from 'ky';
import { afterEach, describe, expect, it } from 'vitest';
import type { SimulatorOptions } from '../simulator.ts';
import { email, start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

it('jitter delays requests before they are counted', async () => {
  const arrivals = async (options: SimulatorOptions) => {
    const { api, admin } = await start({ limits: { second: 100 }, ...options });
    await api.get('tags');
    await Promise.all(Array.from({ length: 40 }, () => api.get('tags')));
    const [, ...times] = await admin.get('times').json<number[]>();
    return Math.max(...times) - Math.min(...times);
  };
  const [steady, jittered] = [await arrivals({}), await arrivals({ jitterMs: 500 })];
  expect(jittered).toBeGreaterThan(500);
  expect(steady).toBeLessThan(jittered);
});

describe('contacts', () => {
  it('are created by the first upsert and updated with only the given values by the next, ignoring the case of the email', async () => {
    const { api, contacts, stats } = await start();
    const created = await upsert(api, { ...email('ann@example.com'), given_name: 'Ann', family_name: 'Lee' });
    const updated = await upsert(api, { ...email('ANN@example.com'), given_name: 'Anna' });
    expect([created.status, updated.status]).toEqual([201, 200]);
    expect(await updated.json()).toMatchObject({ given_name: 'Anna', family_name: 'Lee', tag_ids: [] });
    expect(await contacts()).toHaveLength(1);
    expect(await stats()).toMatchObject({ contactsCreated: 1, contactsUpdated: 1, duplicateContacts: 0 });
  });

  it('are duplicated by POST and by two concurrent upserts', async () => {
    const { api, stats } = await start({ latency: { medianMs: 50, p95Ms: 50 } });
    await Promise.all([upsert(api, email('ann@example.com')), upsert(api, email('ann@example.com'))]);
    await api.post('contacts', { json: email('bob@example.com') });
    await api.post('contacts', { json: email('bob@example.com') });
    expect((await stats()).duplicateContacts).toBe(2);
  });

  it('have custom fields only on request', async () => {
    const { api, preload } = await start();
    const [contact] = await preload([{ values: { given_name: 'Ann' }, customFields: { Shoe: '41' } }]);
    const plain = await api.get(`contacts/${contact?.id}`).json();
    const full = await api.get(`contacts/${contact?.id}?optional_properties=custom_fields`).json();
    expect(plain).not.toHaveProperty('custom_fields');
    expect(full).toMatchObject({ custom_fields: [{ content: '41' }] });
  });

  it.each([
    ['a name of 41 characters', { given_name: 'x'.repeat(41) }],
    ['tag ids in the body', { tag_ids: [1] }],
    ['a number in a custom field', { custom_fields: [{ id: 2, content: 3 }] }],
    ['a custom field that does not exist', { custom_fields: [{ id: 99, content: 'x' }] }],
    [
      'an email that is too long',
      { email_addresses: [{ field: 'EMAIL1', email: `${'a'.repeat(70)}@example.com` }] },
    ],
    ['a slot that does not exist', { phone_numbers: [{ field: 'PHONE9', number: '1' }] }],
  ])('are rejected with %s', async (_, body) => {
    const { api, preload } = await start();
    await preload([{ customFields: { Shoe: '41' } }]);
    const answer = await upsert(api, { ...email('ann@example.com'), ...body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toHaveProperty('message');
  });

  it('lose a value that is set to an empty string', async () => {
    const { api, preload, contacts } = await start();
    const [contact] = await preload([
      { values: { given_name: 'Ann', 'phone_numbers.PHONE1': '+12125550123' } },
    ]);
    await api.patch(`contacts/${contact?.id}`, {
      json: { given_name: '', phone_numbers: [{ field: 'PHONE1', number: '' }] },
    });
    expect((await contacts())[0]?.values).toEqual({});
  });

  const KEPT = { 'phone_numbers.PHONE1': '1', 'phone_numbers.PHONE2': '2' };
  const REMOVED = { 'phone_numbers.PHONE1': '1' };
  it.each([
    ['merge', KEPT, KEPT],
    ['replace', REMOVED, REMOVED],
    [{ put: 'merge', patch: 'replace' }, KEPT, REMOVED],
    [{ put: 'replace', patch: 'merge' }, REMOVED, KEPT],
  ] as const)('do %j with array items that an update does not list', async (arrays, byPut, byPatch) => {
    const { api, preload, contacts } = await start({ arrays });
    const [contact] = await preload([
      { values: { 'phone_numbers.PHONE2': '2' } },
      { values: { 'phone_numbers.PHONE2': '2', 'email_addresses.EMAIL1': 'ann@example.com' } },
    ]);
    const phones = { phone_numbers: [{ field: 'PHONE1', number: '1' }] };
    await api.patch(`contacts/${contact?.id}`, { json: phones });
    await upsert(api, { ...email('ann@example.com'), ...phones });
    expect((await contacts()).map(({ values }) => values)).toEqual([
      byPatch,
      { ...byPut, 'email_addresses.EMAIL1': 'ann@example.com' },
    ]);
  });

  it('answer 404 once deleted', async () => {
    const { api, preload } = await start();
    const [contact] = await preload([{ values: { given_name: 'Ann' } }]);
    expect((await api.delete(`contacts/${contact?.id}`)).status).toBe(204);
    expect((await api.patch(`contacts/${contact?.id}`, { json: { given_name: 'A' } })).status).toBe(404);
    expect((await api.delete(`contacts/${contact?.id}/tags?ids=1`)).status).toBe(404);
  });

  it('become marketable by an opt-in reason, but not after an opt-out', async () => {
    const { api, preload, contacts } = await start();
    const withEmail = (address: string) => ({ values: { 'email_addresses.EMAIL1': address } });
    const ids = await preload([
      { ...withEmail('ann@example.com'), emailStatus: 'NonMarketable' },
      { ...withEmail('bob@example.com'), emailStatus: 'ListUnsubscribe' },
    ]);
    for (const { id } of ids) await api.patch(`contacts/${id}`, { json: { opt_in_reason: 'asked' } });
    expect((await contacts()).map(({ emailStatus }) => emailStatus)).toEqual([
      'SingleOptIn',
      'ListUnsubscribe',
    ]);
  });
});

describe('tags', () => {
  it('have one result each in a response with status 200', async () => {
    const { api, preload } = await start();
    const [contact] = await preload([{ tags: ['Old'] }]);
    const tag = await api.post('tags', { json: { name: 'New' } }).json<{ id: number }>();
    const tags = await api.get('tags').json<{ tags: { id: number; name: string }[] }>();
    const old = tags.tags.find(({ name }) => name === 'Old')?.id ?? 0;
    const results = await api
      .post(`contacts/${contact?.id}/tags`, { json: { tagIds: [old, tag.id, 999] } })
      .json();
    expect(results).toEqual({ [old]: 'DUPLICATE', [tag.id]: 'SUCCESS', 999: 'TAG_ID_NOT_FOUND' });
    expect(await api.post('contacts/999/tags', { json: { tagIds: [old] } }).json()).toEqual({
      [old]: 'CONTACT_NOT_FOUND',
    });
  });

  it('have a link to a next page even on the last page', async () => {
    const { api } = await start();
    for (const name of ['A', 'B', 'C']) await api.post('tags', { json: { name } });
    const page = await api.get('tags?limit=2&offset=2').json<{ tags: unknown[]; next: string }>();
    expect(page.tags).toHaveLength(1);
    expect(await ky.get(page.next, { headers: { 'x-keap-api-key': 'simulator-key' } }).json()).toMatchObject({
      tags: [],
    });
  });

  it('accept at most 100 ids per request', async () => {
    const { api, preload } = await start();
    const [contact] = await preload([{}]);
    const tagIds = Array.from({ length: 101 }, (_, index) => index + 1);
    expect((await api.post(`contacts/${contact?.id}/tags`, { json: { tagIds } })).status).toBe(400);
    expect(
      (await api.delete(`contacts/${contact?.id}/tags`, { searchParams: { ids: tagIds.join(',') } })).status,
    ).toBe(400);
  });
});

describe('limits', () => {
  const requestsUnder = async (limits: SimulatorOptions['limits'], requests: number, stepMs: number) => {
    let now = Date.parse('2026-06-15T23:59:00Z');
    const { api } = await start({ limits: { ...limits }, now: () => now });
    const statuses: number[] = [];
    let last: unknown;
    for (let index = 0; index < requests; index++) {
      const answer = await api.get('tags');
      statuses.push(answer.status);
      last = await answer.json();
      now += stepMs;
    }
    return { statuses, last };
  };

  it('per second slide', async () => {
    const { statuses, last } = await requestsUnder({ second: 2 }, 6, 400);
    expect(statuses).toEqual([200, 200, 429, 200, 200, 429]);
    expect(JSON.stringify(last)).toContain('SpikeArrestViolation');
  });

  it('per minute answer with a different body', async () => {
    const { statuses, last } = await requestsUnder({ minute: 2 }, 3, 1000);
    expect(statuses).toEqual([200, 200, 429]);
    expect(last).toMatchObject({ message: 'Quota Exceeded' });
  });

  it('per day reset at midnight UTC', async () => {
    const { statuses, last } = await requestsUnder({ day: 2 }, 5, 20_000);
    expect(statuses).toEqual([200, 200, 429, 200, 200]);
    expect(JSON.stringify(last)).not.toContain('fault');
  });

  it('are in response headers, with the usage of other clients', async () => {
    const { api, admin } = await start();
    await admin.post('limits', { json: { day: 100, usedByOthers: 40 } });
    const { headers } = await api.get('tags');
    expect(headers.get('x-keap-product-quota-used')).toBe('41');
    expect(headers.get('x-keap-product-quota-available')).toBe('59');
    expect(Number(headers.get('x-keap-product-quota-expiry-time')) % 86_400_000).toBe(0);
  });

  it('do not count requests with a wrong key', async () => {
    const { api, stats } = await start();
    expect((await api.get('tags', { headers: { 'x-keap-api-key': 'stolen' } })).status).toBe(401);
    expect((await stats()).totalRequests).toBe(0);
  });
});

describe('foreign writes', () => {
  it('are writes to fields and tags that the client does not own', async () => {
    const { api, admin, preload, stats } = await start();
    const [contact] = await preload([{ values: { given_name: 'Ann', notes: 'likes tea' }, tags: ['VIP'] }]);
    await admin.post('ownership', { json: { fields: ['given_name'], customFields: [], tags: ['App User'] } });
    await api.patch(`contacts/${contact?.id}`, { json: { given_name: 'Anna', notes: 'mine now' } });
    const { tags } = await api.get('tags').json<{ tags: { id: number }[] }>();
    await api.delete(`contacts/${contact?.id}/tags?ids=${tags[0]?.id}`);
    expect((await stats()).foreignWrites.map(({ what }) => what)).toEqual(['notes', 'tag "VIP"']);
  });

  it('are deletions of contacts that the client neither created nor wrote to', async () => {
    const { api, admin, preload, stats } = await start();
    await admin.post('ownership', { json: { fields: ['given_name'], customFields: [], tags: [] } });
    const [known, unknown] = await preload([{}, {}]);
    await api.patch(`contacts/${known?.id}`, { json: { given_name: 'Ann' } });
    const made = await upsert(api, email('new@example.com')).json<{ id: number }>();
    for (const id of [known?.id, unknown?.id, made.id]) await api.delete(`contacts/${id}`);
    expect((await stats()).foreignWrites).toEqual([
      { contactId: unknown?.id, what: 'deletion of a contact that is not the client’s' },
    ]);
  });

  it('are all writes to a protected contact, and its deletion, whatever the client owns', async () => {
    const { api, admin, preload, stats } = await start();
    const values = { given_name: 'Ann', 'email_addresses.EMAIL2': 'ann@example.com' };
    const [stranger] = await preload([{ values, stranger: true }]);
    await admin.post('ownership', {
      json: { fields: ['given_name', 'email_addresses.EMAIL1'], customFields: [], tags: ['App User'] },
    });
    const tag = await api.post('tags', { json: { name: 'App User' } }).json<{ id: number }>();
    await api.patch(`contacts/${stranger?.id}`, { json: { given_name: 'Anna' } });
    await upsert(api, email('ann@example.com'));
    await api.post(`tags/${tag.id}/contacts`, { json: { ids: [stranger?.id] } });
    await api.delete(`contacts/${stranger?.id}`);
    expect((await stats()).foreignWrites.map(({ what }) => what)).toEqual([
      ...Array(3).fill('change of a protected contact'),
      'deletion of a contact that is not the client’s',
    ]);
  });
});

describe('faults', () => {
  const outcomes = async (seed: number) => {
    const { api } = await start({
      seed,
      faults: { rate: 0.5, kinds: ['server-error', 'html', 'truncated', 'empty'] },
    });
    const statuses: string[] = [];
    for (let index = 0; index < 20; index++) {
      const answer = await api.get('tags');
      statuses.push(`${answer.status} ${(await answer.text()).slice(0, 8)}`);
    }
    await stopAll();
    return statuses;
  };

  it('are the same for the same seed, and different for another', async () => {
    const first = await outcomes(7);
    expect(await outcomes(7)).toEqual(first);
    expect(await outcomes(8)).not.toEqual(first);
  });

  it('can follow the effect of the request', async () => {
    const { api, admin, contacts } = await start();
    await admin.post('faults', { json: { rate: 1, kinds: ['server-error'], afterEffect: 1 } });
    expect((await upsert(api, email('ann@example.com'))).status).toBe(500);
    expect(await contacts()).toHaveLength(1);
  });

  it('can break the connection', async () => {
    const { api, admin } = await start();
    await admin.post('faults', { json: { rate: 1, kinds: ['reset'] } });
    await expect(api.get('tags')).rejects.toThrow();
  });
});
