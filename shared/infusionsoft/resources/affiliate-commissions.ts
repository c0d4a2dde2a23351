import { defineResource } from './define-resource.ts';
import { moment, number, text } from './properties.ts';

/** Commissions that affiliates earned. */
export const affiliateCommissions = defineResource({
  name: 'affiliate-commissions',
  properties: () => ({
    amount_earned: number,
    contact_first_name: text,
    contact_id: number,
    contact_last_name: text,
    date_earned: moment,
    description: text,
    invoice_id: number,
    product_name: text,
    sales_affiliate_id: number,
    sold_by_first_name: text,
    sold_by_last_name: text,
  }),
  columns: ['date_earned', 'sales_affiliate_id', 'amount_earned', 'contact_id', 'product_name'],
  list: {
    path: 'affiliates/commissions',
    rows: { in: 'commissions' },
    paging: 'offset',
    filters: { affiliateId: 'number', order: 'text', order_direction: 'text' },
    dates: { since: 'since', until: 'until', of: 'date_earned' },
  },
});
