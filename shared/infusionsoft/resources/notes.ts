import { defineResource } from './define-resource.ts';
import { moment, number, object, text } from './properties.ts';

/** Notes about contacts. */
export const notes = defineResource({
  name: 'notes',
  key: 'id',
  properties: () => ({
    body: text,
    contact_id: number,
    date_created: moment,
    id: number,
    last_updated: moment,
    last_updated_by: object({ family_name: text, given_name: text, user_id: number }),
    title: text,
    type: text,
    user_id: number,
  }),
  readOnly: ['date_created', 'id', 'last_updated', 'last_updated_by'],
  required: ['contact_id'],
  columns: ['id', 'date_created', 'contact_id', 'type', 'title'],
  model: 'notes/model',
  list: {
    path: 'notes',
    rows: { in: 'notes' },
    paging: 'offset',
    filters: { user_id: 'number', contact_id: 'number' },
  },
  get: { path: 'notes/{noteId}' },
  writes: {
    create: 'POST notes',
    update: 'PATCH notes/{noteId}',
    delete: 'DELETE notes/{noteId}',
    createCustomField: 'POST notes/model/customFields',
  },
});
