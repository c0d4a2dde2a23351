import { expect, it } from 'vitest';
import { contactBody, type NamedIds } from '../../../shared/infusionsoft/contact-body.ts';

const CUSTOM: Readonly<Record<string, number>> = { Program: 11, 'Program Week': 12 };
const ids: NamedIds = {
  customField: (label) => CUSTOM[label] ?? 0,
  leadSource: () => 21,
  staff: () => 31,
  company: () => 41,
};

it('has the values of the plan in the CRM’s form, and an empty text for a cleared field', () => {
  const body = contactBody(
    {
      write: { EMAIL1: 'ann@example.com', given_name: 'Ann', 'custom_fields.Program': 'Strength' },
      clear: ['PHONE1', 'family_name', 'custom_fields.Program Week'],
    },
    ids,
  );
  expect(body).toEqual({
    email_addresses: [{ field: 'EMAIL1', email: 'ann@example.com' }],
    phone_numbers: [{ field: 'PHONE1', number: '' }],
    given_name: 'Ann',
    family_name: '',
    custom_fields: [
      { id: 11, content: 'Strength' },
      { id: 12, content: '' },
    ],
  });
});

it('has every field of the table at its property', () => {
  const write = {
    EMAIL1: 'a',
    EMAIL3: 'b',
    PHONE1: '1',
    PHONE5: '5',
    FAX2: '2',
    source_type: 'API',
    suffix: 'Jr.',
  };
  expect(contactBody({ write, clear: ['EMAIL2', 'FAX1', 'prefix'] }, ids)).toEqual({
    email_addresses: [
      { field: 'EMAIL1', email: 'a' },
      { field: 'EMAIL3', email: 'b' },
      { field: 'EMAIL2', email: '' },
    ],
    phone_numbers: [
      { field: 'PHONE1', number: '1' },
      { field: 'PHONE5', number: '5' },
    ],
    fax_numbers: [
      { field: 'FAX2', number: '2' },
      { field: 'FAX1', number: '' },
    ],
    source_type: 'API',
    suffix: 'Jr.',
    prefix: '',
  });
});

it('has ids instead of names where the CRM uses ids', () => {
  const write = { lead_source: 'App', owner: 'sam@example.com', company: 'Acme', contact_type: 'Customer' };
  expect(contactBody({ write, clear: [] }, ids)).toEqual({
    lead_source_id: 21,
    owner_id: 31,
    company: { id: 41 },
    contact_type: 'Customer',
  });
});

it('has all parts of an address, so that missing ones are cleared', () => {
  const write = { BILLING: '{"line1":"1 Main St","country_code":"USA"}', LinkedIn: 'ann' };
  expect(contactBody({ write, clear: ['SHIPPING', 'Facebook'] }, ids)).toEqual({
    addresses: [
      {
        field: 'BILLING',
        line1: '1 Main St',
        line2: '',
        locality: '',
        region: '',
        postal_code: '',
        country_code: 'USA',
      },
      {
        field: 'SHIPPING',
        line1: '',
        line2: '',
        locality: '',
        region: '',
        postal_code: '',
        country_code: '',
      },
    ],
    social_accounts: [
      { type: 'LinkedIn', name: 'ann' },
      { type: 'Facebook', name: '' },
    ],
  });
});

it('has a birthday as a moment that is the same day in the time zone of any account', () => {
  const { birthday = '', anniversary } = contactBody(
    { write: { birthday: '1990-05-17' }, clear: ['anniversary'] },
    ids,
  );
  for (const timeZone of ['Pacific/Pago_Pago', 'America/New_York', 'Asia/Tokyo', 'Pacific/Noumea'])
    expect(new Date(birthday).toLocaleDateString('sv', { timeZone })).toBe('1990-05-17');
  expect(anniversary).toBe('');
});

it('is empty for an empty plan', () => {
  expect(contactBody({ write: {}, clear: [] }, ids)).toEqual({});
});
