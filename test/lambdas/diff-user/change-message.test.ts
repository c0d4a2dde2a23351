import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeMessage } from '../../../lambdas/diff-user/change-message.ts';
import { messageSchema } from '../../../shared/sync/message.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { userArbitrary } from '../../support/user-arbitrary.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const AT = '2026-06-15T12:00:00.000Z';
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

  it('contains what the item knew about the contact, after it was deleted or its crm map replaced', () => {
    const lease = { environment: 'a', invocation: 1, until: AT };
    const crm = { ...CRM, formerContactIds: [5], attempt: { at: AT, email: 'hash' }, lease, revision: 3 };
    const known = { contactId: 7, formerContactIds: [5], attemptedAt: AT };
    expect(messageOf({ ...ANN, crm }, undefined)).toMatchObject({
      cause: 'deleted',
      ...known,
      notBefore: AT,
    });
    expect(messageOf({ ...ANN, crm }, ANN)).toMatchObject({ cause: 'resync', ...known });
  });

  it('waits for the invocation that was creating the contact of a deleted user', () => {
    const lease = { environment: 'a', invocation: 1, until: AT };
    const crm = { attempt: { at: AT, email: 'hash' }, lease };
    expect(messageOf({ ...ANN, crm }, undefined)).toMatchObject({ attemptedAt: AT, notBefore: AT });
    expect(messageOf({ ...ANN, crm: { lease } }, undefined)).not.toHaveProperty('notBefore');
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
