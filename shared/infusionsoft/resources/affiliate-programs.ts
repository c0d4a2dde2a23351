import { defineResource } from './define-resource.ts';
import { number, text } from './properties.ts';

/** Programs that affiliates take part in. */
export const affiliatePrograms = defineResource({
  name: 'affiliate-programs',
  key: 'id',
  properties: () => ({ affiliate_id: number, id: number, name: text, notes: text, priority: number }),
  columns: ['id', 'name', 'priority', 'notes'],
  list: {
    path: 'affiliates/programs',
    rows: { in: 'programs' },
    paging: 'offset',
    filters: { affiliate_id: 'number', order: 'text', order_direction: 'text' },
    order: 'id',
  },
});
