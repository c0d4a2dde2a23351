import { defineResource } from './define-resource.ts';
import { text } from './properties.ts';

/** Countries and their provinces, by the codes that addresses take. */
export const countries = defineResource({
  name: 'countries',
  key: 'code',
  properties: () => ({ code: text, name: text }),
  columns: ['code', 'name'],
  list: { path: 'locales/countries', rows: { codes: 'countries' }, paging: 'none' },
  nested: {
    provinces: defineResource({
      name: 'provinces',
      key: 'code',
      properties: () => ({ code: text, name: text }),
      columns: ['code', 'name'],
      list: {
        path: 'locales/countries/{countryCode}/provinces',
        rows: { codes: 'provinces' },
        paging: 'none',
      },
    }),
  },
});
