import { defineResource } from './define-resource.ts';
import { text } from './properties.ts';

/** Types of contacts, separated by commas. */
export const contactTypes = defineResource({
  name: 'contact-types',
  properties: () => ({ value: text }),
  columns: ['value'],
  get: { path: 'setting/contact/optionTypes' },
});
