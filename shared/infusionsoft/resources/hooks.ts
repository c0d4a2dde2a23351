import { defineResource } from './define-resource.ts';
import { text } from './properties.ts';

/** Hooks: addresses that the CRM calls after an event. */
export const hooks = defineResource({
  name: 'hooks',
  key: 'key',
  properties: () => ({ eventKey: text, hookUrl: text, key: text, status: text }),
  readOnly: ['key', 'status'],
  columns: ['key', 'eventKey', 'status', 'hookUrl'],
  list: { path: 'hooks', rows: 'items', paging: 'none' },
  get: { path: 'hooks/{key}' },
  writes: {
    create: 'POST hooks',
    replace: 'PUT hooks/{key}',
    delete: 'DELETE hooks/{key}',
    verify: 'POST hooks/{key}/verify',
    delayedVerify: 'POST hooks/{key}/delayedVerify',
  },
});
