import { defineResource } from './define-resource.ts';
import { flag, moment, number, object, text } from './properties.ts';

/** Tasks of the staff. */
export const tasks = defineResource({
  name: 'tasks',
  key: 'id',
  undocumentedKey: true,
  properties: () => ({
    completed: flag,
    completion_date: moment,
    contact: object({ email: text, first_name: text, id: number, last_name: text }),
    creation_date: moment,
    description: text,
    due_date: moment,
    id: number,
    modification_date: moment,
    priority: number,
    remind_time: number,
    title: text,
    type: text,
    url: text,
    user_id: number,
  }),
  readOnly: ['id'],
  columns: ['id', 'title', 'due_date', 'completed', 'contact.id', 'user_id'],
  model: 'tasks/model',
  list: {
    path: 'tasks',
    rows: { in: 'tasks' },
    paging: 'offset',
    filters: {
      contact_id: 'number',
      has_due_date: 'flag',
      user_id: 'number',
      completed: 'flag',
      order: 'text',
    },
    dates: { since: 'since', until: 'until', of: 'due_date' },
  },
  get: { path: 'tasks/{taskId}' },
  writes: {
    create: 'POST tasks',
    update: 'PATCH tasks/{taskId}',
    replace: 'PUT tasks/{taskId}',
    delete: 'DELETE tasks/{taskId}',
    createCustomField: 'POST tasks/model/customFields',
  },
});
