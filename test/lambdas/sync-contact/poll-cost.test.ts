import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { expect, it } from 'vitest';
import { expectPollCost } from '../../support/poll-cost.ts';
import { startPolls } from '../../support/polls-under-test.ts';

// test/long has 60,000 contacts.
it('a poll for 600 changes among 6,000 contacts takes at most 6 requests, and a full listing 6', async () => {
  await expectPollCost({ contacts: 6000, changed: 600 });
}, 60_000);

it('a full listing of 20,000 orders writes 8,000 request units at most', async () => {
  const polls = await startPolls({}, { resources: ['orders'] });
  const ORDERS = 640;
  await polls.crm.admin.addRecords(
    'orders',
    Array.from({ length: ORDERS }, (_, index) => ({
      title: 'Mat',
      order_date: '2026-01-01T00:00:00.000Z',
      creation_date: '2026-01-01T00:00:00.000Z',
      modification_date: '2026-01-01T00:00:00.000Z',
      contact: { id: 1 },
      order_items: [{ id: index, price: 20, product: { id: 5 } }],
      total: 20,
      total_due: 0,
      total_paid: 20,
      refund_total: 0,
      allow_payment: false,
      allow_paypal: false,
      recurring: false,
      source_type: 'API',
      terms: 'as usual',
      payment_plan: { auto_charge: true },
      shipping_information: { city: 'Berlin' },
      sales_affiliate_id: 3,
    })),
  );
  await polls.poll('listing');
  const states = [...polls.dynamodb.items].filter(([id]) => id.startsWith('item-states'));
  expect(states.length).toBe(ORDERS / 64 + 1);
  const units = states.map(([, item]) => Math.ceil(sizeOf({ M: item }) / 1024));
  const each = units.reduce((sum, count) => sum + count, 0) / ORDERS;
  expect(each * 20_000).toBeGreaterThan(5000);
  expect(each * 20_000).toBeLessThan(8000);
});

/** Bytes of a value (Amazon DynamoDB, "Item sizes and formats"). */
function sizeOf({ S, N, M }: AttributeValue): number {
  const parts = Object.entries(M ?? {}).map(([name, value]) => name.length + sizeOf(value) + 1);
  return (S?.length ?? 0) + (N?.length ?? 0) + parts.reduce((sum, size) => sum + size, M ? 3 : 0);
}
