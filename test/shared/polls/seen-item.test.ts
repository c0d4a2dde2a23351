import { describe, expect, it } from 'vitest';
import { polledResource } from '../../../shared/polls/polled-resource.ts';
import { seenItem, timeOf } from '../../../shared/polls/seen-item.ts';

const orders = polledResource('orders');
const order = (more: Record<string, unknown> = {}) => ({
  id: 7,
  title: 'Mat',
  total: 20,
  contact: { id: 3, first_name: 'Ann' },
  order_items: [{ id: 1, name: 'Mat', notes: null }, { id: 2 }],
  creation_date: '2026-12-31T23:59:59.000+0000',
  modification_date: '2027-01-01T00:00:01.000+0000',
  ...more,
});
const hashesOf = (more: Record<string, unknown> = {}) => seenItem(order(more), orders).hashes;

describe('an item of a list', () => {
  it('shows its id, its contact and its times, and hashes of what is compared', () => {
    expect(seenItem(order(), orders)).toEqual({
      itemId: 7,
      contactId: 3,
      createdAt: Date.parse('2026-12-31T23:59:59Z'),
      updatedAt: Date.parse('2027-01-01T00:00:01Z'),
      hashes: {
        title: expect.stringMatching(/^[\w-]{6}$/),
        total: expect.any(String),
        contact: expect.any(String),
        order_items: expect.any(String),
      },
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['the order of a list and of properties', { order_items: [{ id: 2 }, { name: 'Mat', id: 1 }] }],
    ['properties of the contact', { contact: { first_name: 'Anne', id: 3 } }],
    [
      'empty values',
      { notes: '', terms: null, payment_plan: { auto_charge: null }, shipping_information: {} },
    ],
    ['when it was updated', { modification_date: '2027-02-01T00:00:01.000+0000' }],
    ['properties that are not declared', { shoe_size: 42 }],
  ])('looks the same whatever %s', (_, more) => {
    expect(hashesOf(more)).toEqual(hashesOf());
  });

  it.each<[string, Record<string, unknown>]>([
    ['another contact', { contact: { id: 4 } }],
    ['a number instead of a text', { title: 20, total: '20' }],
    ['zero and false', { total: 0, recurring: false }],
    ['another item of a list', { order_items: [{ id: 1, name: 'Mat' }, { id: 3 }] }],
    ['fewer of equal ones', { order_items: [{ id: 1, name: 'Mat' }, { id: 2 }, { id: 2 }] }],
  ])('looks different with %s', (_, more) => {
    expect(hashesOf(more)).not.toEqual(hashesOf());
  });

  it.each([[{}], [{ id: null }], [{ id: 0 }], [{ id: 'x' }], ['text'], [null]])(
    'without an id is refused: %j',
    (item) => {
      expect(() => seenItem(item, orders)).toThrow('The CRM lists an item of orders without an id');
    },
  );

  it('of version 2 has a text as its id', () => {
    const sources = polledResource('lead-sources');
    expect(seenItem({ id: '17', name: 'Fair' }, sources)).toMatchObject({ itemId: 17, name: 'Fair' });
  });

  it('without a time has none', () => {
    expect(timeOf({ order_date: 'soon' }, 'order_date')).toBeUndefined();
    expect(timeOf({}, 'order_date')).toBeUndefined();
  });
});
