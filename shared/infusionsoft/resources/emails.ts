import { defineResource } from './define-resource.ts';
import { moment, number, text } from './properties.ts';
import { sentEmail } from './sent-email.ts';

/** Emails that were sent to contacts. A single read has the content, in base64. */
export const emails = defineResource({
  name: 'emails',
  key: 'id',
  properties: () => sentEmail,
  required: ['sent_to_address'],
  columns: ['id', 'sent_date', 'contact_id', 'sent_from_address', 'sent_to_address', 'subject'],
  list: {
    path: 'emails',
    rows: { in: 'emails' },
    paging: 'offset',
    filters: { contact_id: 'number', email: 'text' },
    dates: { since: 'since_sent_date', until: 'until_sent_date', of: 'sent_date', needsSince: true },
  },
  get: {
    path: 'emails/{id}',
    properties: () => ({
      clicked_date: moment,
      contact_id: number,
      headers: text,
      html_content: text,
      id: number,
      opened_date: moment,
      original_provider: text,
      original_provider_id: text,
      plain_content: text,
      received_date: moment,
      sent_date: moment,
      sent_from_address: text,
      sent_from_reply_address: text,
      sent_to_address: text,
      sent_to_bcc_addresses: text,
      sent_to_cc_addresses: text,
      subject: text,
    }),
  },
  writes: {
    create: 'POST emails',
    replace: 'PUT emails/{id}',
    delete: 'DELETE emails/{id}',
    send: 'POST emails/queue',
    createMany: 'POST emails/sync',
    deleteMany: 'POST emails/unsync',
  },
});
