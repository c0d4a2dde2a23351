import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeMessage } from '../../../lambdas/diff-user/change-message.ts';
import { messageSchema } from '../../../shared/sync/message.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { userArbitrary } from '../../support/user-arbitrary.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const AT = '2026-06-15T12:00:00.000Z';
const A_MINUTE_LATER = '2026-06-15T12:01:00.000Z';
const ANN: User = { userId: 'ann', email: 'ann@example.com', subscription: { status: 'trial' } };
const REJECTION = { reason: 'x', errorId: 'y', at: AT };
const CRM = { contactId: 7, tagIds: [1, 2], fingerprint: {}, syncedAt: AT, revision: 1 };

const messageOf = (before: User | undefined, after: User | undefined) =>
  changeMessage(mapping, { before, after, at: AT }, NOW);

describe('a change of a user', () => {
  it.each([
    ['the write-back of the sync', ANN, { ...ANN, crm: CRM }],
    ['a later write-back', { ...ANN, crm: CRM }, { ...ANN, crm: { ...CRM, tagIds: [1, 3], revision: 2 } }],
    ['a rejection', ANN, { ...ANN, crm: { rejection: REJECTION, revision: 1 } }],
    ['nothing at all', ANN, ANN],
    ['nothing of a synced user', { ...ANN, crm: CRM }, { ...ANN, crm: CRM }],
    ['an item that is not of a user', undefined, undefined],
    ['an email that normalizes to the same', ANN, { ...ANN, email: ' ann@example.com ' }],
    [
      'a later activity within the same tag',
      { ...ANN, lastActiveAt: '2026-06-14' },
      { ...ANN, lastActiveAt: '2026-06-15' },
    ],
  ])('%s sends nothing', (_, before, after) => {
    expect(messageOf(before, after)).toBeUndefined();
  });

  it.each([
    ['a new user', undefined, ANN, 'created'],
    ['a changed field', ANN, { ...ANN, firstName: 'Ann' }, 'changed'],
    [
      'a changed tag',
      { ...ANN, lastActiveAt: '2026-05-01' },
      { ...ANN, lastActiveAt: '2026-06-15' },
      'changed',
    ],
    ['a deleted user', ANN, undefined, 'deleted'],
    ['a removed crm map', { ...ANN, crm: CRM }, ANN, 'resync'],
    ['a removed crm map with a rejection', { ...ANN, crm: { rejection: REJECTION } }, ANN, 'resync'],
    [
      'an older crm map, written with the whole item',
      { ...ANN, crm: { ...CRM, revision: 4 } },
      { ...ANN, crm: { ...CRM, revision: 2 } },
      'resync',
    ],
    [
      'the crm map of an earlier account, with the same revision',
      { ...ANN, crm: { ...CRM, revision: 2, attemptId: 'b' } },
      { ...ANN, crm: { ...CRM, revision: 2, attemptId: 'a' } },
      'resync',
    ],
    ['a deleted user who is written again with a crm map', undefined, { ...ANN, crm: CRM }, 'resync'],
    [
      'an older crm map, before the first sync of a new account',
      ANN,
      { ...ANN, crm: { ...CRM, revision: 4 } },
      'resync',
    ],
    ['a removed contact id', { ...ANN, crm: CRM }, { ...ANN, crm: { tagIds: [1] } }, 'resync'],
    [
      'another contact id, with the same revision',
      { ...ANN, crm: CRM },
      { ...ANN, crm: { ...CRM, contactId: 8 } },
      'resync',
    ],
    [
      'a changed field of a synced user',
      { ...ANN, crm: CRM },
      { ...ANN, firstName: 'Ann', crm: CRM },
      'changed',
    ],
    [
      'the crm map of an earlier account with the next revision, written with the whole item',
      { ...ANN, crm: CRM },
      { ...ANN, firstName: 'Ann', crm: { ...CRM, revision: 2 } },
      'resync',
    ],
  ])('%s sends one message', (_, before, after, cause) => {
    expect(messageOf(before, after)).toMatchObject({ userId: 'ann', cause, changedAt: AT });
  });

  it('names the changed fields and tags', () => {
    expect(messageOf(ANN, { ...ANN, subscription: { status: 'active' } })).toMatchObject({
      fields: ['custom_fields.Subscription Status'],
      tagsAdded: ['Subscription: Active'],
      tagsRemoved: ['Subscription: Trial'],
    });
  });

  it.each([
    ['a new user', undefined, ANN, 'created'],
    ['a removed crm map', { ...ANN, crm: CRM }, ANN, 'resync'],
  ])('names all fields and tags for %s, and the consent if there is one', (_, before, after, cause) => {
    const message = messageOf(before, after);
    expect(message).toMatchObject({ cause, tagsRemoved: [] });
    expect(message?.tagsAdded).toEqual(expect.arrayContaining(['App User', 'Subscription: Trial']));
    expect(message?.fields).toEqual(expect.arrayContaining(['EMAIL1', 'custom_fields.Subscription Status']));
    expect(message?.fields).not.toContain('marketingConsent');
    expect(messageOf(before, { ...after, marketingOptIn: false })?.fields).toEqual([
      ...(message?.fields ?? []),
      'marketingConsent',
    ]);
  });

  it('names the tags that a deleted user gets and loses', () => {
    expect(messageOf(ANN, undefined)).toEqual({
      version: 1,
      kind: 'user',
      userId: 'ann',
      changedAt: AT,
      cause: 'deleted',
      fields: [],
      tagsAdded: ['Account Deleted'],
      tagsRemoved: expect.arrayContaining(['App User', 'Subscription: Trial']),
    });
  });

  it('is never a withdrawal with a mapping without a consent', () => {
    const { marketingConsent: _, ...withoutConsent } = mapping;
    const change = { before: { ...ANN, marketingOptIn: true }, after: { ...ANN, marketingOptIn: false } };
    expect(changeMessage(withoutConsent, { ...change, at: AT }, NOW)).toBeUndefined();
    const crm = { ...CRM, consent: { step: 'given', address: 'hash' } } as const;
    const deletion = { before: { ...change.after, crm }, after: undefined, at: AT };
    expect(changeMessage(withoutConsent, deletion, NOW)).not.toHaveProperty('withdrawn');
  });

  it('contains what the item knew about the contact, after it was deleted or its crm map replaced', () => {
    const lease = { environment: 'a', invocation: 1, until: AT };
    const crm = { ...CRM, formerContactIds: [5], attempt: { at: AT, email: 'hash' }, lease, revision: 3 };
    const known = { contactId: 7, formerContactIds: [5], attemptedAt: AT };
    expect(messageOf({ ...ANN, crm }, undefined)).toMatchObject({
      cause: 'deleted',
      ...known,
      notBefore: A_MINUTE_LATER,
    });
    expect(messageOf({ ...ANN, crm }, ANN)).toMatchObject({ cause: 'resync', ...known });
  });

  it.each([
    ['yes', true, undefined, ['marketingConsent'], undefined],
    ['yes to no', false, true, ['marketingConsent'], true],
    ['unset to no', false, undefined, ['marketingConsent'], undefined],
    ['no to yes', true, false, ['marketingConsent'], undefined],
  ])(
    'of the consent to %s is named, and says whether it is a withdrawal',
    (_, after, before, fields, withdrawn) => {
      const message = messageOf({ ...ANN, marketingOptIn: before }, { ...ANN, marketingOptIn: after });
      expect([message?.fields, message?.withdrawn]).toEqual([fields, withdrawn]);
    },
  );

  it('of the consent to unset is none, and no withdrawal when something else changes', () => {
    expect(messageOf({ ...ANN, marketingOptIn: true }, ANN)).toBeUndefined();
    const message = messageOf({ ...ANN, marketingOptIn: true }, { ...ANN, firstName: 'Ann' });
    expect(message?.cause).toBe('changed');
    expect(message).not.toHaveProperty('withdrawn');
  });

  it.each([
    ['a carried-out yes, and the app says no', false, 'given', true],
    ['a carried-out yes, and the app says yes', true, 'given', undefined],
    ['a withdrawal that has begun, and the app says nothing', undefined, 'withdrawing', true],
    ['a withdrawal', false, 'withdrawn', undefined],
  ] as const)('to nothing after %s', (_, marketingOptIn, step, withdrawn) => {
    const crm = { ...CRM, consent: { step, address: 'hash' } };
    expect(messageOf({ ...ANN, marketingOptIn, crm }, undefined)?.withdrawn).toBe(withdrawn);
  });

  it('that withdraws the consent and removes the crm map says both', () => {
    expect(
      messageOf({ ...ANN, marketingOptIn: true, crm: CRM }, { ...ANN, marketingOptIn: false }),
    ).toMatchObject({
      cause: 'resync',
      contactId: 7,
      withdrawn: true,
    });
  });

  it.each([
    ['given', true],
    ['giving', true],
    ['due', true],
    ['withdrawing', true],
    ['withdrawn', undefined],
  ] as const)(
    'that removes a crm map with the consent step %s says whether the email may be opted in',
    (step, optedIn) => {
      const crm = { ...CRM, consent: { step, address: 'hash' } };
      expect(messageOf({ ...ANN, crm }, ANN)).toMatchObject({ cause: 'resync', contactId: 7 });
      expect(messageOf({ ...ANN, crm }, ANN)?.optedIn).toBe(optedIn);
      const isOpen = step === 'due' || step === 'withdrawing';
      expect(messageOf({ ...ANN, crm }, ANN)?.withdrawn).toBe(isOpen || undefined);
      expect(messageOf({ ...ANN, crm }, { ...ANN, marketingOptIn: false })?.withdrawn).toBe(optedIn);
      expect(messageOf({ ...ANN, crm }, undefined)).not.toHaveProperty('optedIn');
    },
  );

  it('waits for the invocation that was creating the contact of a user whose item does not say so any more', () => {
    const lease = { environment: 'a', invocation: 1, until: AT };
    const crm = { attempt: { at: AT, email: 'hash' }, lease };
    expect(messageOf({ ...ANN, crm }, undefined)).toMatchObject({
      attemptedAt: AT,
      notBefore: A_MINUTE_LATER,
    });
    expect(messageOf({ ...ANN, crm: { lease } }, undefined)).not.toHaveProperty('notBefore');
    expect(messageOf({ ...ANN, crm }, ANN)).toMatchObject({ cause: 'resync', notBefore: A_MINUTE_LATER });
  });

  it('never contains a value of the user, and is always valid for the consumer', () => {
    fc.assert(
      fc.property(userArbitrary('ann'), userArbitrary('ann'), (before, after) => {
        for (const message of [
          messageOf(before, after),
          messageOf(undefined, after),
          messageOf(before, undefined),
        ]) {
          if (!message) continue;
          expect(messageSchema.parse(JSON.parse(JSON.stringify(message)))).toEqual(message);
          if (after.email) expect(JSON.stringify(message)).not.toContain(after.email);
        }
      }),
    );
  });
});
