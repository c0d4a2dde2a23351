import { defineResource } from './define-resource.ts';
import { moment, number, text } from './properties.ts';

/** Appointments with contacts. */
export const appointments = defineResource({
  name: 'appointments',
  key: 'id',
  undocumentedKey: true,
  properties: () => ({
    contact_id: number,
    description: text,
    end_date: moment,
    id: number,
    location: text,
    remind_time: number,
    start_date: moment,
    title: text,
    user: number,
  }),
  readOnly: ['id'],
  required: ['end_date', 'start_date', 'title'],
  columns: ['id', 'start_date', 'end_date', 'title', 'location', 'contact_id', 'user'],
  model: 'appointments/model',
  list: {
    path: 'appointments',
    rows: { in: 'appointments' },
    paging: 'offset',
    filters: { contact_id: 'number' },
    dates: { since: 'since', until: 'until', of: 'start_date' },
  },
  get: { path: 'appointments/{appointmentId}' },
  writes: {
    create: 'POST appointments',
    update: 'PATCH appointments/{appointmentId}',
    replace: 'PUT appointments/{appointmentId}',
    delete: 'DELETE appointments/{appointmentId}',
    createCustomField: 'POST appointments/model/customFields',
  },
});
