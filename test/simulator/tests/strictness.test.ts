import { afterEach, describe, expect, it } from 'vitest';
import { STRICTNESS_NAMES, type StrictnessName } from '../strictness.ts';
import { email, start, stopAll, upsert } from './simulator-under-test.ts';

afterEach(stopAll);

const ANN = email('ann@example.com');
const billing = (parts: object) => ({ addresses: [{ field: 'BILLING', country_code: 'USA', ...parts }] });
const phone = { phone_numbers: [{ field: 'PHONE1', number: '1', number_e164: '+1' }] };

/** A body that a strictness refuses, and what the message names. */
const REFUSED: [StrictnessName, object, string][] = [
  ['timeZones', { time_zone: 'Europe/Paris' }, 'time_zone'],
  ['locales', { preferred_locale: 'en' }, 'preferred_locale'],
  ['provinces', billing({ region: 'CA' }), 'BILLING Region is invalid'],
  ['lengths', { website: 'x'.repeat(101) }, 'website'],
  ['lengths', billing({ line1: 'x'.repeat(76) }), 'BILLING line1'],
  ['lengths', { phone_numbers: [{ field: 'PHONE4', number: '1'.repeat(21) }] }, 'PHONE4 number'],
  ['lengths', { social_accounts: [{ type: 'LinkedIn', name: 'x'.repeat(256) }] }, 'LinkedIn name'],
  ['readOnlyNumber', phone, 'PHONE1'],
  ['oneZipCode', billing({ postal_code: '92808', zip_code: '92808' }), 'BILLING'],
];

describe('a strictness', () => {
  it.each(REFUSED)('%s refuses %j and names %s, until it is switched off', async (name, body, named) => {
    const { api, admin, contacts } = await start();
    const refused = await upsert(api, { ...ANN, ...body });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toEqual({ message: expect.stringContaining(named) });
    await admin.post('strictness', { json: { unnamedRefusals: true } });
    const message = 'Input could not be validated';
    expect(await (await upsert(api, { ...ANN, ...body })).json()).toEqual({ message });
    expect(await contacts()).toEqual([]);
    await admin.post('strictness', { json: { [name]: false } });
    expect((await upsert(api, { ...ANN, ...body })).status).toBe(201);
  });

  it('withholds properties that a request does not name, and refuses unknown names', async () => {
    const { api, admin } = await start();
    const json = { ...ANN, time_zone: 'UTC', fax_numbers: [{ field: 'FAX1', number: '1' }] };
    const { id, ...rest } = await upsert(api, json).json<{ id: number }>();
    for (const property of ['time_zone', 'fax_numbers', 'social_accounts', 'prefix'])
      expect(rest).not.toHaveProperty(property);
    const named = `contacts/${id}?optional_properties=time_zone,fax_numbers`;
    expect(await api.get(named).json()).toMatchObject({ time_zone: 'UTC', fax_numbers: [{ field: 'FAX1' }] });
    const unknown = await api.get(`contacts/${id}?optional_properties=shoe_size`);
    expect([unknown.status, await unknown.text()]).toEqual([400, expect.stringContaining('shoe_size')]);
    await admin.post('strictness', { json: { withheldProperties: false } });
    expect(await api.get(`contacts/${id}?optional_properties=shoe_size`).json()).toMatchObject({
      time_zone: 'UTC',
      prefix: null,
    });
  });

  it('stores a region by its name, and shows a postal code twice and a number in two forms', async () => {
    const { api, admin } = await start();
    const json = {
      ...ANN,
      ...billing({ region: 'US-CA', postal_code: '92808' }),
      phone_numbers: [{ field: 'PHONE1', number: '+12125550123' }],
    };
    const { id, ...contact } = await upsert(api, json).json<{ id: number }>();
    expect(contact).toMatchObject({
      addresses: [{ region: 'California', postal_code: '92808', zip_code: '92808' }],
      phone_numbers: [{ number_e164: '+12125550123' }],
    });
    await admin.post('strictness', { json: { readOnlyNumber: false, oneZipCode: false } });
    const lenient = await api.get(`contacts/${id}`).json<{ addresses: object[]; phone_numbers: object[] }>();
    expect(lenient.addresses[0]).not.toHaveProperty('zip_code');
    expect(lenient.phone_numbers).toEqual([{ field: 'PHONE1', number: '+12125550123' }]);
  });

  it('decides the form of times, and whether an opt-in works', async () => {
    const { api, admin } = await start();
    const optIn = async (address: string) => {
      await admin.post('addresses', { json: { email: address, status: 'Spam', by: 'person' } });
      const json = { opted_in: true, reason: 'Form' };
      const { opted_in } = await api.put(`emailAddresses/${address}`, { json }).json<{ opted_in: boolean }>();
      return opted_in;
    };
    const createdAt = async (address: string) =>
      (await upsert(api, email(address)).json<{ date_created: string }>()).date_created;
    expect(await createdAt('ann@example.com')).toMatch(/\+0000$/);
    expect(await optIn('ann@example.com')).toBe(false);
    const json = { offsetWithoutColon: false, statusOfAddress: false };
    await admin.post('strictness', { json });
    expect(await createdAt('bob@example.com')).toMatch(/Z$/);
    expect(await optIn('bob@example.com')).toBe(true);
  });

  it('is switched only by its own name', async () => {
    const { admin } = await start();
    expect((await admin.post('strictness', { json: { everything: false } })).status).toBe(400);
    expect(STRICTNESS_NAMES).toContain('provinces');
  });
});

it('the provinces of a country are a list by code; an unknown country answers 404', async () => {
  const { api } = await start();
  expect(await api.get('locales/countries/DEU/provinces').json()).toMatchObject({
    provinces: { 'DE-BE': 'Berlin' },
  });
  expect(await api.get('locales/countries/SGP/provinces').json()).toEqual({ provinces: {} });
  expect((await api.get('locales/countries/XXX/provinces')).status).toBe(404);
});
