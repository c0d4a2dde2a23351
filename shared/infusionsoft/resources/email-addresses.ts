import { defineResource } from './define-resource.ts';
import { flag, text } from './properties.ts';

/** Whether mail may be sent to an address. Version 1 can only write it. */
export const emailAddresses = defineResource({
  name: 'email-addresses',
  key: 'email',
  properties: () => ({ email: text, opted_in: flag, status: text }),
  readOnly: ['email', 'status'],
  columns: ['email', 'opted_in', 'status'],
  writes: { replace: 'PUT emailAddresses/{email}' },
});
