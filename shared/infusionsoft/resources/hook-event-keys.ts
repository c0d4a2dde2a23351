import { defineResource } from './define-resource.ts';
import { text } from './properties.ts';

/** Events that a hook can subscribe to. */
export const hookEventKeys = defineResource({
  name: 'hook-event-keys',
  key: 'text',
  properties: () => ({ text: text }),
  columns: ['text'],
  list: { path: 'hooks/event_keys', rows: 'texts', paging: 'none' },
});
