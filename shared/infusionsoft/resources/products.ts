import { defineResource } from './define-resource.ts';
import { flag, list, number, object, text } from './properties.ts';

/** Properties of both a list and a single read. */
const common = {
  id: number,
  product_desc: text,
  product_name: text,
  product_price: number,
  product_short_desc: text,
  sku: text,
  subscription_only: flag,
  url: text,
};
const plan = {
  active: flag,
  frequency: number,
  id: number,
  number_of_cycles: number,
  plan_price: number,
  subscription_plan_index: number,
  subscription_plan_name: text,
  url: text,
};
/** A list writes the cycle of a plan as a number, a single read as a word. */
const listedPlan = { ...plan, cycle: number };
const singlePlan = { ...plan, cycle_type: text };

const option = {
  allow_spaces: flag,
  can_contain_character: flag,
  can_contain_number: flag,
  can_end_with_character: flag,
  can_end_with_number: flag,
  can_start_with_character: flag,
  can_start_with_number: flag,
  display_index: number,
  id: number,
  label: text,
  max_chars: number,
  min_chars: number,
  name: text,
  required: flag,
  text_message: text,
  type: text,
};
const optionValue = {
  id: number,
  index: number,
  is_default: flag,
  label: text,
  price_adjustment: number,
  sku: text,
};

/** Products and their subscription plans. */
export const products = defineResource({
  name: 'products',
  key: 'id',
  properties: () => ({
    ...common,
    product_options: list(object({ ...option, values: list(object(optionValue)) })),
    status: number,
    subscription_plans: list(object(listedPlan)),
  }),
  readOnly: ['id', 'product_options', 'status', 'subscription_plans', 'url'],
  required: ['product_name'],
  columns: ['id', 'product_name', 'sku', 'product_price', 'status'],
  list: { path: 'products', rows: { in: 'products' }, paging: 'offset', filters: { active: 'flag' } },
  get: {
    path: 'products/{productId}',
    properties: () => ({ ...common, active: flag, subscription_plans: list(object(singlePlan)) }),
  },
  writes: {
    create: 'POST products',
    update: 'PATCH products/{productId}',
    delete: 'DELETE products/{productId}',
    createImage: 'POST products/{productId}/image',
    deleteImage: 'DELETE products/{productId}/image',
  },
  nested: {
    subscriptions: defineResource({
      name: 'subscriptions',
      key: 'id',
      properties: () => singlePlan,
      readOnly: ['id', 'subscription_plan_name', 'url'],
      required: ['cycle_type', 'plan_price'],
      columns: ['id', 'subscription_plan_name', 'plan_price', 'cycle_type', 'frequency'],
      get: { path: 'products/{productId}/subscriptions/{subscriptionId}' },
      writes: {
        create: 'POST products/{productId}/subscriptions',
        delete: 'DELETE products/{productId}/subscriptions/{subscriptionId}',
      },
    }),
  },
});
