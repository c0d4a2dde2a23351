import { defineResource } from './define-resource.ts';
import { text } from './properties.ts';

/** Whether the account is enabled. */
export const applicationEnabled = defineResource({
  name: 'application-enabled',
  properties: () => ({ value: text }),
  columns: ['value'],
  get: { path: 'setting/application/enabled' },
});
