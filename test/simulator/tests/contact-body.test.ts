import { afterEach, describe, expect, it } from 'vitest';
import { email, start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

describe('a new contact', () => {
  it.each([
    ['no email and no phone number', {}],
    ['only an empty phone number', { phone_numbers: [{ field: 'PHONE1', number: '' }] }],
    ['only an empty email', email('')],
  ])('is rejected with %s', async (_, body) => {
    const { api, contacts } = await start();
    expect((await upsert(api, { given_name: 'Ann', ...body })).status).toBe(400);
    expect((await api.post('contacts', { json: { given_name: 'Ann', ...body } })).status).toBe(400);
    expect(await contacts()).toEqual([]);
  });

  it.each(["o'neill&sons!@example.com", 'ann@xn--mnchen-3ya.xn--p1ai'])(
    'may have the email %s',
    async (address) => {
      const { api, contacts } = await start();
      expect((await upsert(api, email(address))).ok).toBe(true);
      expect((await contacts())[0]?.values).toEqual({ 'email_addresses.EMAIL1': address });
    },
  );

  it('requires a country if an address has a region', async () => {
    const { api } = await start();
    const body = (address: object) => ({
      ...email('ann@example.com'),
      addresses: [{ field: 'BILLING', line1: '1 Main St', ...address }],
    });
    const rejected = await upsert(api, body({ region: 'Arizona' }));
    expect(rejected.status).toBe(400);
    expect(await rejected.json()).toMatchObject({ message: expect.stringContaining('country_code') });
    const accepted = upsert(api, body({ region: 'Arizona', country_code: 'USA' }));
    expect(await accepted.json()).toMatchObject({
      addresses: [{ field: 'BILLING', line1: '1 Main St', region: 'Arizona', country_code: 'USA' }],
    });
  });
});

describe('an update', () => {
  it('clears an email with an empty string and keeps the emails that it does not list', async () => {
    const { api, preload, contacts } = await start();
    const [contact] = await preload([
      { values: { 'email_addresses.EMAIL1': 'a@example.com', 'email_addresses.EMAIL2': 'b@example.com' } },
    ]);
    await api.patch(`contacts/${contact?.id}`, {
      json: { email_addresses: [{ field: 'EMAIL2', email: '' }] },
    });
    expect((await contacts())[0]?.values).toEqual({ 'email_addresses.EMAIL1': 'a@example.com' });
  });

  it('changes only the fields of its update mask', async () => {
    const { api, preload, contacts } = await start();
    const [contact] = await preload([{ values: { given_name: 'Ann', family_name: 'Lee' } }]);
    await api.patch(`contacts/${contact?.id}?update_mask=given_name`, {
      json: { given_name: 'Anna', family_name: 'Leigh' },
    });
    expect((await contacts())[0]?.values).toEqual({ given_name: 'Anna', family_name: 'Lee' });
  });

  it('by email matches any email slot of the oldest contact; by email and name only a contact with that name', async () => {
    const { api, preload, contacts } = await start();
    const [oldest, , named] = await preload([
      { values: { 'email_addresses.EMAIL3': 'ann@example.com' } },
      { values: { 'email_addresses.EMAIL1': 'ann@example.com' } },
      { values: { 'email_addresses.EMAIL1': 'ann@example.com', given_name: 'Ann', family_name: 'Lee' } },
    ]);
    const byEmail = await upsert(api, { ...email('Ann@example.com'), job_title: 'Vet' }).json();
    expect(byEmail).toMatchObject({ id: oldest?.id });
    const json = { ...email('ann@example.com'), given_name: 'Ann', family_name: 'Lee' };
    const byName = await api.put('contacts', { json: { ...json, duplicate_option: 'EmailAndName' } }).json();
    expect(byName).toMatchObject({ id: named?.id });
    expect(await contacts()).toHaveLength(3);
  });
});

describe('two concurrent upserts of a new email', () => {
  it('create one contact if `racyCreates` is off', async () => {
    const { api, contacts } = await start({ latency: { medianMs: 50, p95Ms: 50 }, racyCreates: false });
    await Promise.all([upsert(api, email('ann@example.com')), upsert(api, email('ann@example.com'))]);
    expect(await contacts()).toHaveLength(1);
  });
});
