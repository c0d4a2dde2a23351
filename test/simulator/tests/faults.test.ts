import { afterEach, describe, expect, it } from 'vitest';
import { type FaultKind, faultPlanSchema } from '../traffic/faults.ts';
import { email, start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

const BODIES: [FaultKind, number, string][] = [
  ['server-error', 500, 'java.lang'],
  ['unavailable', 503, 'upstream'],
  ['html', 502, '<html>'],
  ['truncated', 200, '{"id"'],
  ['empty', 500, ''],
  ['spike', 429, 'SpikeArrestViolation'],
  ['account-limit', 429, 'Too many requests'],
  ['quota', 429, 'Quota Exceeded'],
  ['unauthorized', 401, 'invalid_access_token'],
];

describe('a fault', () => {
  it.each(BODIES)('%s answers %i without an effect', async (kind, status, body) => {
    const { api, contacts } = await start({ faults: { rate: 1, kinds: [kind], afterEffect: 0 } });
    const answer = await upsert(api, email('ann@example.com'));
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(body);
    expect(await contacts()).toEqual([]);
  });

  it.each(['hang', 'reset'] as const)('%s breaks the connection, possibly after the effect', async (kind) => {
    const { api, contacts } = await start({
      faults: { rate: 1, kinds: [kind], afterEffect: 1, hangMs: 1 },
    });
    await expect(upsert(api, email('ann@example.com'))).rejects.toThrow();
    expect(await contacts()).toHaveLength(1);
  });

  it('slow delays the correct response', async () => {
    const { api, stats } = await start({ faults: { rate: 1, kinds: ['slow'], slowMs: 60 } });
    const began = performance.now();
    expect((await upsert(api, email('ann@example.com'))).status).toBe(201);
    expect(performance.now() - began).toBeGreaterThan(50);
    expect(await stats()).toMatchObject({ faults: 1, requests: { 'PUT /contacts': 1 } });
  });

  it('comes from a validated plan', () => {
    expect(faultPlanSchema.parse({}).rate).toBe(0);
    expect(() => faultPlanSchema.parse({ kinds: ['earthquake'] })).toThrow();
  });
});

describe('a late write', () => {
  /** A contact whose next writes are late by five seconds, and a clock. */
  const lateAccount = async () => {
    let now = Date.parse('2026-06-15T12:00:00Z');
    const simulator = await start({ now: () => now });
    const { api, admin } = simulator;
    const tag = await api.post('tags', { json: { name: 'Week 1' } }).json<{ id: number }>();
    const { id } = await upsert(api, { ...email('ann@example.com'), given_name: 'Ann' }).json<{
      id: number;
    }>();
    return {
      ...simulator,
      id,
      tag,
      late: () => admin.post('faults', { json: { rate: 1, kinds: ['late'], hangMs: 0, lateMs: 5000 } }),
      normal: () => admin.post('faults', { json: { rate: 0 } }),
      pass: (ms: number) => {
        now += ms;
      },
    };
  };
  type Account = Awaited<ReturnType<typeof lateAccount>>;

  const WRITES: [string, (account: Account) => Promise<Response>, object][] = [
    [
      'a PATCH',
      ({ api, id }) => api.patch(`contacts/${id}`, { json: { given_name: 'Late' } }),
      { values: { given_name: 'Late' } },
    ],
    [
      'an upsert',
      ({ api }) => upsert(api, { ...email('ann@example.com'), given_name: 'Late' }),
      { values: { given_name: 'Late' } },
    ],
    [
      'a tag request',
      ({ api, id, tag }) => api.post(`contacts/${id}/tags`, { json: { tagIds: [tag.id] } }),
      { tags: ['Week 1'] },
    ],
    [
      'a bulk tag request',
      ({ api, id, tag }) => api.post(`tags/${tag.id}/contacts`, { json: { ids: [id] } }),
      { tags: ['Week 1'] },
    ],
  ];

  it.each(WRITES)('gets no answer and takes effect later: %s', async (_, write, expected) => {
    const account = await lateAccount();
    const [before] = await account.contacts();
    await account.late();
    await expect(write(account)).rejects.toThrow();
    await account.normal();
    account.pass(4999);
    expect(await account.contacts()).toEqual([before]);
    account.pass(1);
    expect(await account.contacts()).toMatchObject([expected]);
  });

  it('removes tags later', async () => {
    const { api, id, tag, late, pass, contacts } = await lateAccount();
    await api.post(`contacts/${id}/tags`, { json: { tagIds: [tag.id] } });
    await late();
    await expect(api.delete(`contacts/${id}/tags?ids=${tag.id}`)).rejects.toThrow();
    await expect(api.delete(`tags/${tag.id}/contacts?ids=${id}`)).rejects.toThrow();
    expect((await contacts())[0]?.tags).toEqual(['Week 1']);
    pass(5000);
    expect((await contacts())[0]?.tags).toEqual([]);
  });

  it('overwrites what later requests wrote, and the last of several late writes wins', async () => {
    const { api, id, late, normal, pass, contacts } = await lateAccount();
    const rename = (given_name: string) => api.patch(`contacts/${id}`, { json: { given_name } });
    await late();
    await expect(rename('First')).rejects.toThrow();
    pass(1);
    await expect(rename('Second')).rejects.toThrow();
    await normal();
    expect(await rename('Answered').json()).toMatchObject({ given_name: 'Answered' });
    pass(5000);
    expect(await api.get(`contacts/${id}`).json()).toMatchObject({ given_name: 'Second' });
    expect((await contacts())[0]?.values['given_name']).toBe('Second');
  });

  it('creates the contact of an upsert later', async () => {
    const { api, late, normal, pass, contacts, stats } = await lateAccount();
    await late();
    await expect(upsert(api, email('bob@example.com'))).rejects.toThrow();
    await normal();
    expect(await contacts()).toHaveLength(1);
    pass(5000);
    expect(await contacts()).toHaveLength(2);
    expect(await stats()).toMatchObject({ contactsCreated: 2, faults: 1 });
  });

  it('has no effect if its contact is gone by then', async () => {
    const { api, id, late, normal, pass, contacts } = await lateAccount();
    await late();
    await expect(api.patch(`contacts/${id}`, { json: { given_name: 'Late' } })).rejects.toThrow();
    await normal();
    await api.delete(`contacts/${id}`);
    pass(5000);
    expect(await contacts()).toEqual([]);
  });

  it.each([
    ['a creation', ({ api }: Account) => api.post('contacts', { json: email('bob@example.com') })],
    ['a deletion', ({ api, id }: Account) => api.delete(`contacts/${id}`)],
    ['a new tag', ({ api }: Account) => api.post('tags', { json: { name: 'Week 2' } })],
    ['a read', ({ api, id }: Account) => api.get(`contacts/${id}`)],
  ])('is not %s, which never takes effect', async (_, request) => {
    const account = await lateAccount();
    const before = await account.stats();
    await account.late();
    await expect(request(account)).rejects.toThrow();
    await account.normal();
    account.pass(5000);
    const { contacts, tags } = await account.stats();
    expect({ contacts, tags }).toEqual({ contacts: before.contacts, tags: before.tags });
  });
});
