import { defineResource } from './define-resource.ts';
import { flag, number, text } from './properties.ts';

/** Stages of the sales pipeline. */
export const opportunityStages = defineResource({
  name: 'opportunity-stages',
  key: 'stage_id',
  properties: () => ({
    end_stage: flag,
    is_default: flag,
    stage_count: number,
    stage_id: number,
    stage_name: text,
    stage_order: number,
  }),
  columns: ['stage_id', 'stage_name', 'stage_order', 'stage_count', 'end_stage'],
  list: { path: 'opportunity/stage_pipeline', rows: 'items', paging: 'none' },
});
