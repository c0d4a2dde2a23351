import { defineResource } from './define-resource.ts';
import { transaction } from './order-parts.ts';

/** Payments and refunds. */
export const transactions = defineResource({
  name: 'transactions',
  key: 'id',
  properties: () => transaction,
  columns: ['id', 'transaction_date', 'contact_id', 'amount', 'currency', 'status', 'gateway'],
  list: {
    path: 'transactions',
    rows: { in: 'transactions' },
    paging: 'offset',
    filters: { contact_id: 'number' },
    dates: { since: 'since', until: 'until', of: 'transaction_date' },
  },
  get: { path: 'transactions/{transactionId}' },
});
