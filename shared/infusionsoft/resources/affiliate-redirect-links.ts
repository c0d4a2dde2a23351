import { defineResource } from './define-resource.ts';
import { list, number, text } from './properties.ts';

/** Links that affiliates hand out. */
export const affiliateRedirectLinks = defineResource({
  name: 'affiliate-redirect-links',
  key: 'id',
  properties: () => ({
    affiliate_id: number,
    id: number,
    local_url_code: text,
    name: text,
    program_ids: list(number),
    redirect_url: text,
  }),
  columns: ['id', 'name', 'affiliate_id', 'local_url_code', 'redirect_url'],
  list: {
    path: 'affiliates/redirectlinks',
    rows: { in: 'redirects' },
    paging: 'offset',
    filters: { affiliate_id: 'text', order: 'text', order_direction: 'text' },
    order: 'id',
  },
});
