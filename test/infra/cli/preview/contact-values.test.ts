import { describe, expect, it } from 'vitest';
import { currentValue } from '../../../../infra/cli/preview/contact-values.ts';
import type { Catalog } from '../../../../shared/infusionsoft/catalog/catalog.ts';

const CATALOG: Catalog = {
  tags: {},
  customFields: { program: 11 },
  leadSources: { app: 21 },
  staff: { 'sam@example.com': 31 },
  unusable: [],
  problems: [],
  refreshedAt: '2026-06-15T12:00:00.000Z',
  provinces: { USA: { readAt: '2026-06-15T12:00:00.000Z', names: { 'US-CA': 'California' } } },
};

describe('the current value of a field', () => {
  it.each([
    ['given_name', 'given_name'],
    ['owner', 'owner_id'],
    ['lead_source', 'lead_source_id'],
    ['company', 'company'],
    ['birthday', 'birthday'],
    ['EMAIL1', 'email_addresses'],
    ['PHONE1', 'phone_numbers'],
    ['LinkedIn', 'social_accounts'],
    ['BILLING', 'addresses'],
    ['custom_fields.Program', 'custom_fields'],
  ])('%s is nothing when %s is missing or null, whatever is desired', (key, property) => {
    for (const desired of [undefined, '', 'any'])
      for (const contact of [{ id: 1 }, { id: 1, [property]: null }])
        expect(currentValue(contact, key, desired, CATALOG)).toBeUndefined();
  });

  it.each([
    ['owner', { owner_id: 31 }, 'Sam@Example.com', 'Sam@Example.com'],
    ['owner', { owner_id: 31 }, undefined, 'sam@example.com'],
    ['owner', { owner_id: 99 }, 'sam@example.com', '99'],
    ['owner', { owner_id: 0 }, undefined, undefined],
    ['lead_source', { lead_source_id: 21 }, 'App', 'App'],
    ['birthday', { birthday: '1990-05-17T12:00:00.000+0000' }, '1990-05-17', '1990-05-17'],
    ['FAX1', { fax_numbers: [{ field: 'FAX1', number: '1' }] }, undefined, '1'],
    [
      'EMAIL2',
      { email_addresses: [{ field: 'EMAIL2', email: 'b@example.com' }] },
      undefined,
      'b@example.com',
    ],
    [
      'BILLING',
      { addresses: [{ field: 'BILLING', region: 'California', zip_code: '92808', country_code: 'USA' }] },
      undefined,
      '{"region":"US-CA","postal_code":"92808","country_code":"USA"}',
    ],
    ['shoe_size', { shoe_size: '41' }, undefined, undefined],
  ])('%s of %j is, where %s is desired, %s', (key, values, desired, expected) => {
    expect(currentValue({ id: 1, ...values }, key, desired, CATALOG)).toBe(expected);
  });
});
