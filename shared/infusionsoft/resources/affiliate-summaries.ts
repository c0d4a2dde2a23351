import { defineResource } from './define-resource.ts';
import { number } from './properties.ts';

/** What each affiliate has earned. */
export const affiliateSummaries = defineResource({
  name: 'affiliate-summaries',
  key: 'affiliate_id',
  properties: () => ({ affiliate_id: number, amount_earned: number, balance: number, clawbacks: number }),
  columns: ['affiliate_id', 'amount_earned', 'balance', 'clawbacks'],
  list: {
    path: 'affiliates/summaries',
    rows: { in: 'summaries' },
    paging: 'none',
    filters: { affiliate_ids: 'text', order: 'text', order_direction: 'text' },
  },
});
