import { describe, expect, it } from 'vitest';
import { anonymousBody, unreadProperties } from '../../../shared/infusionsoft/anonymous-body.ts';
import { SOCIAL_FIELDS } from '../../../shared/user/contact-fields.ts';

const UNREADABLE = ['Instagram', 'Snapchat', 'YouTube', 'Pinterest'].map((name) => `social_accounts.${name}`);
/** An answer with every property, without a value. */
const EMPTY = {
  id: 7,
  ...Object.fromEntries(
    [
      ...['given_name', 'middle_name', 'family_name', 'preferred_name', 'spouse_name', 'prefix', 'suffix'],
      ...['job_title', 'website', 'birthday', 'anniversary', 'time_zone', 'preferred_locale'],
    ].map((key) => [key, null]),
  ),
  email_addresses: [],
  phone_numbers: [],
  fax_numbers: [],
  addresses: [],
  custom_fields: [],
};

describe('the body that anonymises a contact', () => {
  it('blanks all seven social accounts, and what has a value', () => {
    const body = anonymousBody({
      ...EMPTY,
      given_name: 'Ann',
      phone_numbers: [{ field: 'PHONE4', number: '1' }],
      custom_fields: [{ id: 12, content: 'x' }],
    });
    expect(body).toEqual({
      given_name: '',
      email_addresses: [{ field: 'EMAIL1', email: 'forgotten-7@example.invalid' }],
      phone_numbers: [{ field: 'PHONE4', number: '' }],
      social_accounts: SOCIAL_FIELDS.map((type) => ({ type, name: '' })),
      custom_fields: [{ id: 12, content: '' }],
    });
  });

  it('blanks unseen what the answer does not contain', () => {
    const body = anonymousBody({ id: 7 });
    expect(body).toMatchObject({ given_name: '', birthday: '', spouse_name: '' });
    expect(body.email_addresses).toContainEqual({ field: 'EMAIL3', email: '' });
    expect(body.phone_numbers).toHaveLength(5);
    expect(body.fax_numbers).toHaveLength(2);
    expect(body.addresses).toHaveLength(3);
    expect(body).not.toHaveProperty('custom_fields');
  });
});

describe('the properties that nobody has seen', () => {
  it('are the accounts of four networks, of a contact with all properties', () => {
    expect(unreadProperties(EMPTY)).toEqual(UNREADABLE);
  });

  it('are all that the answer does not contain', () => {
    const { birthday: _, custom_fields: __, fax_numbers: ___, ...answer } = EMPTY as Record<string, unknown>;
    expect(unreadProperties({ ...answer, id: 7 })).toEqual([
      'birthday',
      'fax_numbers',
      'custom_fields',
      ...UNREADABLE,
    ]);
  });
});
