import { defineResource } from './define-resource.ts';
import { flag, moment, number, text } from './properties.ts';

/** Products that a contact pays for at regular intervals. */
export const subscriptions = defineResource({
  name: 'subscriptions',
  key: 'id',
  properties: () => ({
    active: flag,
    allow_tax: flag,
    auto_charge: flag,
    billing_amount: number,
    billing_cycle: text,
    billing_frequency: number,
    contact_id: number,
    credit_card_id: number,
    end_date: moment,
    id: number,
    next_bill_date: moment,
    payment_gateway_id: number,
    product_id: number,
    quantity: number,
    sale_affiliate_id: number,
    start_date: moment,
    subscription_plan_id: number,
    use_default_payment_gateway: flag,
  }),
  readOnly: [
    'active',
    'billing_cycle',
    'billing_frequency',
    'end_date',
    'id',
    'next_bill_date',
    'product_id',
    'start_date',
    'use_default_payment_gateway',
  ],
  required: ['contact_id'],
  columns: ['id', 'contact_id', 'product_id', 'billing_amount', 'billing_cycle', 'next_bill_date', 'active'],
  model: 'subscriptions/model',
  list: {
    path: 'subscriptions',
    rows: { in: 'subscriptions' },
    paging: 'offset',
    filters: { contact_id: 'number' },
  },
  writes: { create: 'POST subscriptions' },
});
