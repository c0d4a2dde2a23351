import { address } from './contact-parts.ts';
import { defineResource } from './define-resource.ts';
import { customFields, flag, number, object, text } from './properties.ts';

/** Companies that contacts belong to. */
export const companies = defineResource({
  name: 'companies',
  key: 'id',
  properties: () => ({
    address: address(),
    company_name: text,
    custom_fields: customFields(),
    email_address: text,
    email_opted_in: flag,
    email_status: text,
    fax_number: object({ number: text, type: text }),
    id: number,
    notes: text,
    phone_number: object({ extension: text, number: text, type: text }),
    website: text,
  }),
  readOnly: ['email_opted_in', 'email_status', 'id'],
  required: ['company_name'],
  optional: ['notes', 'fax_number', 'custom_fields'],
  columns: ['id', 'company_name', 'email_address', 'phone_number.number', 'website'],
  model: 'companies/model',
  list: {
    path: 'companies',
    rows: { in: 'companies' },
    paging: 'offset',
    optional: true,
    filters: { company_name: 'text', order: 'text', order_direction: 'text' },
    order: 'id',
  },
  get: { path: 'companies/{companyId}', optional: true },
  writes: { create: 'POST companies', update: 'PATCH companies/{companyId}' },
});
