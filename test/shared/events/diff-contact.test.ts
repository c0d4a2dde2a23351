import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContactState, SeenContact } from '../../../shared/events/contact-state.ts';
import { diffContact, isNews, NOTHING_OWN, type OwnWrites } from '../../../shared/events/diff-contact.ts';

const OURS: OwnWrites = {
  isUnsettled: false,
  created: true,
  deleted: true,
  field: () => true,
  tag: () => true,
  status: () => true,
};

const seen = (
  fields: Record<string, string>,
  tagIds: number[] = [],
  statuses: Record<string, string> = {},
): SeenContact => ({ contactId: 7, fields: new Map(Object.entries(fields)), tagIds, statuses });

const stateOf = (contact: SeenContact): ContactState => {
  const { next } = diffContact(undefined, contact, NOTHING_OWN);
  if (!next) throw new Error('no state');
  return next;
};

const ANN = seen({ given_name: 'Ann', EMAIL1: 'ann@example.com' }, [3, 5], { EMAIL1: 'SINGLE_OPT_IN' });

describe('a change makes', () => {
  it.each<[string, SeenContact, unknown[]]>([
    ['nothing, if all is the same', ANN, []],
    [
      'nothing, if only the case of an email differs',
      seen({ given_name: 'Ann', EMAIL1: 'Ann@example.com' }, [3, 5], { EMAIL1: 'SINGLE_OPT_IN' }),
      [],
    ],
    ['nothing for what an answer leaves out', { contactId: 7 }, []],
    [
      'one event for all fields of a contact',
      seen({ given_name: 'Anne', job_title: 'Coach' }, [3, 5], { EMAIL1: 'SINGLE_OPT_IN' }),
      [{ type: 'contact.changed', fields: ['EMAIL1', 'given_name', 'job_title'] }],
    ],
    [
      'an event for each tag',
      { contactId: 7, tagIds: [4, 5] },
      [
        { type: 'tag.applied', tagId: 4 },
        { type: 'tag.removed', tagId: 3 },
      ],
    ],
    [
      'an event for a tag that was added to the others',
      { contactId: 7, addedTagId: 9 },
      [{ type: 'tag.applied', tagId: 9 }],
    ],
    ['nothing for an added tag that is known', { contactId: 7, addedTagId: 5 }, []],
    [
      'an event for an unsubscription',
      { contactId: 7, statuses: { EMAIL1: 'LIST_UNSUBSCRIBE' } },
      [{ type: 'contact.unsubscribed', field: 'EMAIL1', status: 'LIST_UNSUBSCRIBE' }],
    ],
    [
      'an event for a bounce',
      { contactId: 7, statuses: { EMAIL1: 'HARD_BOUNCE' } },
      [{ type: 'contact.bounced', field: 'EMAIL1', status: 'HARD_BOUNCE' }],
    ],
    ['nothing for another status of the same reach', { contactId: 7, statuses: { EMAIL1: 'CONFIRMED' } }, []],
    ['an event for a deletion', { contactId: 7, isGone: true }, [{ type: 'contact.deleted' }]],
  ])('%s', (_, contact, changes) => {
    expect(diffContact(stateOf(ANN), contact, NOTHING_OWN).changes).toEqual(changes);
    expect(diffContact(stateOf(ANN), contact, OURS).changes).toEqual([]);
  });

  it('a creation and the tags for a new contact', () => {
    expect(diffContact(undefined, ANN, NOTHING_OWN).changes).toEqual([
      { type: 'contact.created', fields: ['EMAIL1', 'given_name'] },
      { type: 'tag.applied', tagId: 3 },
      { type: 'tag.applied', tagId: 5 },
    ]);
  });

  it('a creation with new numbers for a contact that had been deleted', () => {
    const { next: gone } = diffContact(stateOf(ANN), { contactId: 7, isGone: true }, NOTHING_OWN);
    expect(diffContact(gone, { contactId: 7, isGone: true }, NOTHING_OWN).changes).toEqual([]);
    const { next, changes } = diffContact(gone, ANN, NOTHING_OWN);
    expect(changes[0]?.type).toBe('contact.created');
    expect(next?.e).toBeGreaterThan(stateOf(ANN).e);
  });
});

it('a resubscription is an event only after an unsubscription or a bounce', () => {
  const at = (status: string) => ({ contactId: 7, statuses: { EMAIL1: status } });
  const changesFrom = (from: string, to: string) =>
    diffContact(stateOf({ ...ANN, ...at(from) }), at(to), NOTHING_OWN).changes.map(({ type }) => type);
  expect(changesFrom('MANUAL', 'SINGLE_OPT_IN')).toEqual(['contact.resubscribed']);
  expect(changesFrom('HARD_BOUNCE', 'CONFIRMED')).toEqual(['contact.resubscribed']);
  expect(changesFrom('NON_MARKETABLE', 'SINGLE_OPT_IN')).toEqual([]);
  expect(changesFrom('MANUAL', 'NON_MARKETABLE')).toEqual([]);
});

it('an opted-out address of a new contact is an event; the first status that is known of an older contact is not', () => {
  const out = seen({ EMAIL1: 'ann@example.com' }, [], { EMAIL1: 'MANUAL' });
  expect(diffContact(undefined, out, NOTHING_OWN).changes.map(({ type }) => type)).toEqual([
    'contact.created',
    'contact.unsubscribed',
  ]);
  const known = stateOf(seen({ EMAIL1: 'ann@example.com' }));
  expect(diffContact(known, out, NOTHING_OWN).changes).toEqual([]);
});

it.each([
  ['an opted-out address that was replaced by another one is not', 'MANUAL', 'SINGLE_OPT_IN', []],
  [
    'an address that is opted out when it replaces another one is',
    'SINGLE_OPT_IN',
    'MANUAL',
    ['contact.unsubscribed'],
  ],
  ['the status of an address that the answer does not show is not', 'MANUAL', undefined, []],
])('%s an event about the status', (_, before, after, expected) => {
  const known = stateOf(seen({ EMAIL1: 'ann@example.com' }, [], { EMAIL1: before }));
  const { statuses: _none, ...moved } = seen({ EMAIL1: 'ann@new.example' });
  const answer = after === undefined ? moved : { ...moved, statuses: { EMAIL1: after } };
  const { next, changes } = diffContact(known, answer, NOTHING_OWN);
  expect(changes.map(({ type }) => type)).toEqual(['contact.changed', ...expected]);
  expect(next?.s).toEqual(after === undefined ? {} : { EMAIL1: after });
});

it('a contact that the sync works on stays as it was', () => {
  expect(diffContact(stateOf(ANN), seen({}), { ...NOTHING_OWN, isUnsettled: true })).toEqual({
    next: undefined,
    changes: [],
  });
});

it('an older copy of a contact changes nothing', () => {
  const now = Date.parse('2026-06-15T12:00:00Z');
  const known = stateOf({ ...ANN, updatedAt: now });
  const older = { ...seen({ given_name: 'Before' }), updatedAt: now - 60_000 };
  expect(diffContact(known, older, NOTHING_OWN)).toEqual({ next: known, changes: [] });
});

const contacts = fc.record({
  contactId: fc.constant(7),
  fields: fc
    .dictionary(fc.constantFrom('given_name', 'EMAIL1', 'custom_fields.4'), fc.constantFrom('a', 'b', 'c'))
    .map((fields) => new Map(Object.entries(fields))),
  tagIds: fc.uniqueArray(fc.integer({ min: 1, max: 6 })),
  statuses: fc.dictionary(fc.constant('EMAIL1'), fc.constantFrom('MANUAL', 'CONFIRMED', 'HARD_BOUNCE')),
});

describe('for any history of a contact', () => {
  it('what was seen is no news, and makes no second event', () => {
    fc.assert(
      fc.property(fc.array(contacts, { minLength: 1 }), (history) => {
        let state: ContactState | undefined;
        for (const contact of history) {
          const { next } = diffContact(state, contact, NOTHING_OWN);
          expect(next && isNews(next, contact)).toBe(false);
          expect(diffContact(next, contact, NOTHING_OWN)).toEqual({ next, changes: [] });
          state = next;
        }
      }),
    );
  });

  it('every difference is an event, every event has its own number, and own writes make none', () => {
    fc.assert(
      fc.property(contacts, contacts, (one, two) => {
        const before = stateOf(one);
        const { next, changes } = diffContact(before, two, NOTHING_OWN);
        expect(next?.e).toBe(before.e + changes.length);
        expect(next?.t).toEqual([...two.tagIds].sort((a, b) => a - b));
        const differs = JSON.stringify([...one.fields].sort()) !== JSON.stringify([...two.fields].sort());
        expect(changes.some(({ type }) => type === 'contact.changed')).toBe(differs);
        const own = diffContact(before, two, OURS);
        expect(own.changes).toEqual([]);
        expect({ ...own.next, e: 0 }).toEqual({ ...next, e: 0 });
      }),
    );
  });
});
