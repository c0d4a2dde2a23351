import type { PolledName } from '../../shared/events/event-types.ts';

interface Sample {
  /** Properties of a new record, as the simulator's account stores them. */
  values: (at: string, contactId: number) => Record<string, unknown>;
  /** A person's change, and the properties that an event about it names. */
  change: Record<string, unknown>;
  fields: string[];
  /** Whether the record belongs to the contact. */
  isOfContact?: true;
}

const PERSONAL = 'Zoe Personal';

/** A record of each resource that can be polled. All texts are personal data. */
export const RECORD_SAMPLES: Readonly<Record<PolledName, Sample>> = {
  affiliates: {
    values: (_, contact_id) => ({ name: PERSONAL, code: 'zoe', contact_id }),
    change: { code: 'zoe2' },
    fields: ['code'],
    isOfContact: true,
  },
  appointments: {
    values: (start_date, contact_id) => ({ title: PERSONAL, start_date, contact_id }),
    change: { location: 'Berlin', description: PERSONAL },
    fields: ['description', 'location'],
    isOfContact: true,
  },
  campaigns: {
    values: (date_created) => ({ name: PERSONAL, date_created, active_contact_count: 1 }),
    change: { published_status: true, active_contact_count: 7 },
    fields: ['published_status'],
  },
  companies: {
    values: () => ({ name: PERSONAL }),
    change: { website: 'https://example.com' },
    fields: ['website'],
  },
  emails: {
    values: (sent_date, contact_id) => ({ subject: PERSONAL, sent_date, contact_id }),
    change: { opened_date: '2027-01-01T00:00:00.000Z' },
    fields: [],
    isOfContact: true,
  },
  files: {
    values: (date_created, contact_id) => ({ file_name: PERSONAL, date_created, contact_id }),
    change: { file_size: 9, download_url: 'https://example.com/9' },
    fields: ['file_size'],
    isOfContact: true,
  },
  'lead-sources': { values: () => ({ name: PERSONAL }), change: { status: 'INACTIVE' }, fields: ['status'] },
  notes: {
    values: (date_created, contact_id) => ({ title: PERSONAL, body: PERSONAL, date_created, contact_id }),
    change: { body: 'other' },
    fields: ['body'],
    isOfContact: true,
  },
  opportunities: {
    values: (date_created, id) => ({
      opportunity_title: PERSONAL,
      date_created,
      contact: { id, first_name: PERSONAL },
      stage: { id: 1, name: 'New' },
    }),
    change: { stage: { id: 2, name: 'Won' } },
    fields: ['stage'],
    isOfContact: true,
  },
  'opportunity-stages': {
    values: () => ({ stage_name: PERSONAL, stage_order: 1, stage_count: 4 }),
    change: { stage_order: 2, stage_count: 5 },
    fields: ['stage_order'],
  },
  orders: {
    values: (order_date, id) => ({
      title: PERSONAL,
      order_date,
      creation_date: order_date,
      contact: { id, first_name: PERSONAL },
      order_items: [{ id: 1, product: { id: 5 }, price: 3 }],
    }),
    change: { status: 'PAID', total_paid: 3 },
    fields: ['status', 'total_paid'],
    isOfContact: true,
  },
  products: {
    values: () => ({ product_name: PERSONAL, product_price: 3 }),
    change: { product_price: 4 },
    fields: ['product_price'],
  },
  subscriptions: {
    values: (start_date, contact_id) => ({ start_date, contact_id, active: true, billing_amount: 3 }),
    change: { active: false, end_date: '2027-02-01T00:00:00.000Z' },
    fields: ['active', 'end_date'],
    isOfContact: true,
  },
  tasks: {
    values: (due_date, id) => ({
      title: PERSONAL,
      due_date,
      creation_date: due_date,
      contact: { id, email: 'zoe@example.com' },
    }),
    change: { completed: true, contact: { id: 0, email: 'new@example.com' } },
    fields: ['completed'],
    isOfContact: true,
  },
  transactions: {
    values: (transaction_date, contact_id) => ({ transaction_date, contact_id, amount: 3, errors: PERSONAL }),
    change: {},
    fields: [],
    isOfContact: true,
  },
  users: {
    values: () => ({ email: 'zoe@example.com', given_name: PERSONAL }),
    change: { job_title: PERSONAL, status: 'Inactive' },
    fields: ['job_title', 'status'],
  },
};

/** No text of a record may be in an event, a log or an item of the sync table. */
export const PERSONAL_TEXT = /Zoe|zoe|Berlin|example\.com/;
