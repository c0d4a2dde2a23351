import { describe, expect, it } from 'vitest';
import type { Catalog } from '../../../../shared/infusionsoft/catalog/catalog.ts';
import { preserveUnlisted } from '../../../../shared/infusionsoft/catalog/preserve-unlisted.ts';
import type { ContactBody } from '../../../../shared/infusionsoft/contact-body.ts';
import { RefusedFieldsError } from '../../../../shared/sync/errors.ts';

const catalog: Catalog = {
  tags: {},
  customFields: {},
  unusable: [],
  problems: [],
  refreshedAt: '2026-06-15T12:00:00.000Z',
  provinces: { USA: { readAt: '2026-06-15T12:00:00.000Z', names: { 'US-CA': 'California' } } },
};
const shipping = (parts: object) => ({ field: 'SHIPPING', line1: '2 Side St', ...parts });
const kept = (body: ContactBody, contact: object) => preserveUnlisted(body, { id: 1, ...contact }, catalog);

describe('array items that are sent back', () => {
  it('have only what the CRM lets a client write, and no nulls', () => {
    const contact = {
      phone_numbers: [
        { field: 'PHONE1', number: '1' },
        { field: 'PHONE2', number: '2', number_e164: '+2', extension: null, type: 'Work' },
      ],
      fax_numbers: [{ field: 'FAX2', number: '3', type: null, number_e164: '+3' }],
      email_addresses: [{ field: 'EMAIL2', email: 'b@example.com', opt_in_reason: 'x', is_opt_in: true }],
      custom_fields: [{ id: 5, content: 'x', label: 'Shoe Size' }],
    };
    const body = {
      phone_numbers: [{ field: 'PHONE1', number: '9' }],
      fax_numbers: [{ field: 'FAX1', number: '9' }],
      email_addresses: [{ field: 'EMAIL1', email: 'a@example.com' }],
      custom_fields: [{ id: 4, content: 'y' }],
    };
    expect(kept(body, contact)).toEqual({
      phone_numbers: [...body.phone_numbers, { field: 'PHONE2', number: '2', type: 'Work' }],
      fax_numbers: [...body.fax_numbers, { field: 'FAX2', number: '3' }],
      email_addresses: [...body.email_addresses, { field: 'EMAIL2', email: 'b@example.com' }],
      custom_fields: [...body.custom_fields, { id: 5, content: 'x' }],
    });
  });

  it.each([
    [{ postal_code: '92808', zip_code: '92808', zip_four: '1234' }, { postal_code: '92808' }],
    [
      { postal_code: null, zip_code: '92808', zip_four: '1234' },
      { zip_code: '92808', zip_four: '1234' },
    ],
    [
      { region: 'California', country_code: 'USA' },
      { region: 'US-CA', country_code: 'USA' },
    ],
    [{ region: '', country_code: 'USA', created: 'x' }, { country_code: 'USA' }],
  ])('an address with %j is sent back with %j', (shown, sent) => {
    const own = { field: 'BILLING', line1: '1 Main St' };
    expect(kept({ addresses: [own] }, { addresses: [shipping(shown)] })).toEqual({
      addresses: [own, shipping(sent)],
    });
  });

  it.each([
    { region: 'Narnia', country_code: 'USA' },
    { region: 'Ontario', country_code: 'CAN' },
    { region: 'California' },
  ])('with the region of %j, which cannot be checked, stop the write of all addresses', (shown) => {
    const write = () => kept({ addresses: [{ field: 'BILLING' }] }, { addresses: [shipping(shown)] });
    expect(write).toThrow(RefusedFieldsError);
    try {
      write();
    } catch (error) {
      expect(error).toMatchObject({ fields: ['BILLING'] });
    }
    expect(kept({ given_name: 'Ann' }, { addresses: [shipping(shown)] })).toEqual({ given_name: 'Ann' });
  });
});
