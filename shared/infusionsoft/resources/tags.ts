import { defineResource } from './define-resource.ts';
import { moment, number, object, text } from './properties.ts';

/** Tags, with the contacts and companies that have one. */
export const tags = defineResource({
  name: 'tags',
  key: 'id',
  properties: () => ({
    category: object({ description: text, id: number, name: text }),
    description: text,
    id: number,
    name: text,
  }),
  readOnly: ['id'],
  required: ['name'],
  columns: ['id', 'name', 'category.name', 'description'],
  list: {
    path: 'tags',
    rows: { in: 'tags' },
    paging: 'offset',
    filters: { category: 'number', name: 'text' },
  },
  get: { path: 'tags/{id}' },
  writes: { create: 'POST tags', createCategory: 'POST tags/categories' },
  nested: {
    contacts: defineResource({
      name: 'contacts',
      key: 'contact.id',
      properties: () => ({
        contact: object({ email: text, first_name: text, id: number, last_name: text }),
        date_applied: moment,
      }),
      columns: ['contact.id', 'contact.first_name', 'contact.last_name', 'contact.email', 'date_applied'],
      list: { path: 'tags/{tagId}/contacts', rows: { in: 'contacts' }, paging: 'offset' },
      writes: {
        apply: 'POST tags/{tagId}/contacts',
        remove: 'DELETE tags/{tagId}/contacts',
        removeOne: 'DELETE tags/{tagId}/contacts/{contactId}',
      },
    }),
    companies: defineResource({
      name: 'companies',
      key: 'company.id',
      properties: () => ({
        company: object({ company_name: text, email: text, id: number }),
        date_applied: moment,
      }),
      columns: ['company.id', 'company.company_name', 'company.email', 'date_applied'],
      list: { path: 'tags/{tagId}/companies', rows: { in: 'companies' }, paging: 'offset' },
    }),
  },
});
