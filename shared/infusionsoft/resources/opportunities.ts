import { defineResource } from './define-resource.ts';
import { customFields, flag, list, moment, number, object, text } from './properties.ts';

/** Opportunities: sales that may happen. */
export const opportunities = defineResource({
  name: 'opportunities',
  key: 'id',
  properties: () => ({
    affiliate_id: number,
    contact: object({
      company_name: text,
      email: text,
      first_name: text,
      id: number,
      job_title: text,
      last_name: text,
      phone_number: text,
    }),
    custom_fields: customFields(),
    date_created: moment,
    estimated_close_date: moment,
    id: number,
    include_in_forecast: number,
    last_updated: moment,
    next_action_date: moment,
    next_action_notes: text,
    opportunity_notes: text,
    opportunity_title: text,
    projected_revenue_high: number,
    projected_revenue_low: number,
    stage: object({
      details: object({
        check_list_items: list(
          object({
            description: text,
            done_date: moment,
            id: number,
            instance_id: number,
            item_order: number,
            required: flag,
          }),
        ),
        probability: number,
        stage_order: number,
        target_num_days: number,
      }),
      id: number,
      name: text,
      reasons: list(text),
    }),
    user: object({ first_name: text, id: number, last_name: text }),
  }),
  required: ['contact', 'opportunity_title', 'stage'],
  optional: ['custom_fields'],
  columns: [
    'id',
    'opportunity_title',
    'stage.name',
    'contact.id',
    'projected_revenue_high',
    'next_action_date',
  ],
  model: 'opportunities/model',
  list: {
    path: 'opportunities',
    rows: { in: 'opportunities' },
    paging: 'offset',
    filters: { user_id: 'number', stage_id: 'number', search_term: 'text', order: 'text' },
  },
  get: { path: 'opportunities/{opportunityId}', optional: true },
  writes: {
    create: 'POST opportunities',
    replace: 'PUT opportunities',
    update: 'PATCH opportunities/{opportunityId}',
  },
});
