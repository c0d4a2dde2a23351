import { defineResource } from './define-resource.ts';
import { anyId, text } from './properties.ts';

/** Lead sources, which only version 2 has. Its ids are texts. */
export const leadSources = defineResource({
  name: 'lead-sources',
  version: 2,
  key: 'id',
  properties: () => ({ id: anyId, name: text, status: text }),
  columns: ['id', 'name', 'status'],
  list: { path: 'leadSources', rows: { in: 'lead_sources' }, paging: 'token' },
  writes: { create: 'POST leadSources' },
});
