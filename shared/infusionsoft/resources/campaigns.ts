import { defineResource } from './define-resource.ts';
import { flag, list, moment, number, object, text } from './properties.ts';

/** Campaigns. Contacts are enrolled in a sequence of a campaign, or reach a goal of it. */
export const campaigns = defineResource({
  name: 'campaigns',
  key: 'id',
  properties: () => ({
    active_contact_count: number,
    completed_contact_count: number,
    created_by_global_id: number,
    date_created: moment,
    error_message: text,
    goals: list(
      object({
        historical_contact_counts: object({ '24_hours': number, '30_days': number }),
        id: number,
        name: text,
        next_sequence_ids: list(number),
        previous_sequence_ids: list(number),
        type: text,
      }),
    ),
    id: number,
    locked: flag,
    name: text,
    published_date: moment,
    published_status: flag,
    published_time_zone: text,
    sequences: list(
      object({
        active_contact_count: number,
        active_contact_count_completed: number,
        historical_contact_count: object({ '24_hours': number, '30_days': number }),
        id: number,
        name: text,
        paths: list(
          object({
            id: number,
            items: list(
              object({ id: number, name: text, next_item_id: number, previous_item_id: number, type: text }),
            ),
          }),
        ),
      }),
    ),
    time_zone: text,
  }),
  optional: ['goals', 'sequences'],
  columns: [
    'id',
    'name',
    'published_status',
    'active_contact_count',
    'completed_contact_count',
    'date_created',
  ],
  list: {
    path: 'campaigns',
    rows: { in: 'campaigns' },
    paging: 'offset',
    filters: { search_text: 'text', order: 'text', order_direction: 'text' },
    order: 'id',
  },
  get: { path: 'campaigns/{campaignId}', optional: true },
  writes: {
    achieveGoal: 'POST campaigns/goals/{integration}/{callName}',
    enrolContacts: 'POST campaigns/{campaignId}/sequences/{sequenceId}/contacts',
    enrolContact: 'POST campaigns/{campaignId}/sequences/{sequenceId}/contacts/{contactId}',
    removeContact: 'DELETE campaigns/{campaignId}/sequences/{sequenceId}/contacts/{contactId}',
  },
});
