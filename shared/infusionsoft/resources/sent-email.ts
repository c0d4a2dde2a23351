import { moment, number, text } from './properties.ts';

/** Properties of an email that was sent, without its content. */
export const sentEmail = {
  clicked_date: moment,
  contact_id: number,
  headers: text,
  id: number,
  opened_date: moment,
  original_provider: text,
  original_provider_id: text,
  received_date: moment,
  sent_date: moment,
  sent_from_address: text,
  sent_from_reply_address: text,
  sent_to_address: text,
  sent_to_bcc_addresses: text,
  sent_to_cc_addresses: text,
  subject: text,
};
