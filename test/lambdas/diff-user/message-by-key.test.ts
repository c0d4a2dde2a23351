import { marshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, it } from 'vitest';
import { messageByKey } from '../../../lambdas/diff-user/message-by-key.ts';
import type { Image } from '../../../lambdas/diff-user/read-change.ts';
import { messageSchema } from '../../../shared/sync/message.ts';
import type { User } from '../../../shared/user/user.ts';

const AT = '2026-06-15T12:00:00.000Z';
const UNTIL = '2026-06-15T12:00:25.000Z';
/** The last request of the lease may take effect until then. */
const A_MINUTE_LATER = '2026-06-15T12:01:25.000Z';
const image = (item: Record<string, unknown>): Image => marshall(item, { removeUndefinedValues: true });
const lease = { environment: 'a', invocation: 1, until: UNTIL };

describe('the message of a record that cannot be compared', () => {
  const messageOf = (eventName: string | undefined, crm?: unknown, newCrm = crm) =>
    recordOf(eventName, { crm }, { crm: newCrm });
  const recordOf = (
    eventName: string | undefined,
    before: Record<string, unknown>,
    after: Record<string, unknown>,
    consentOf: (user: User) => boolean | undefined = ({ marketingOptIn }) => marketingOptIn,
  ) =>
    messageByKey(
      { eventName, keys: image({ userId: 'ann' }), oldImage: image(before), newImage: image(after), at: AT },
      consentOf,
    );

  it.each(['INSERT', 'MODIFY', undefined])(
    'names the user, whose contact the consumer reads: %s',
    (eventName) => {
      const message = messageOf(eventName, { contactId: 7, lease });
      expect(messageSchema.parse(message)).toEqual({
        version: 1,
        kind: 'user',
        userId: 'ann',
        cause: 'changed',
        changedAt: AT,
        fields: [],
        tagsAdded: [],
        tagsRemoved: [],
      });
    },
  );

  it.each([
    ['a contact', { contactId: 7 }, { contactId: 7 }],
    ['a contact and a lease', { contactId: 7, lease }, { contactId: 7, notBefore: A_MINUTE_LATER }],
    ['a contact and a lease that is no moment', { contactId: 7, lease: { until: 'soon' } }, { contactId: 7 }],
    ['a contact and a lease without an end', { contactId: 7, lease: { environment: 'a' } }, { contactId: 7 }],
    ['a contact and a lease that is no map', { contactId: 7, lease: 'a' }, { contactId: 7 }],
    ['no contact', { lease }, {}],
    ['a contact id of 0', { contactId: 0, lease }, {}],
    ['a negative contact id', { contactId: -7, lease }, {}],
    ['a fraction as contact id', { contactId: 7.5, lease }, {}],
    ['a text as contact id', { contactId: '7', lease }, {}],
    ['a crm attribute that is no map', 'gone', {}],
    ['no crm map', undefined, {}],
  ])('of a deleted user with %s has what is needed to find the contact', (_, crm, expected) => {
    const { contactId, notBefore, ...base } = messageSchema.parse(messageOf('REMOVE', crm)) as {
      contactId?: number;
      notBefore?: string;
    };
    expect(base).toMatchObject({ userId: 'ann', cause: 'deleted', changedAt: AT });
    expect({ contactId, notBefore }).toEqual({ contactId: undefined, notBefore: undefined, ...expected });
  });

  it.each([
    ['due', true],
    ['withdrawing', true],
    ['given', undefined],
  ])('of a deleted user says whether a withdrawal is open: %s', (step, withdrawn) => {
    const crm = { contactId: 7, consent: { step, address: 'x' } };
    expect(messageOf('REMOVE', crm)?.withdrawn).toBe(withdrawn);
    expect(messageOf('REMOVE', { contactId: 7 })?.withdrawn).toBeUndefined();
  });

  describe('of a user who has withdrawn the consent', () => {
    const [yes, no] = [{ marketingOptIn: true }, { marketingOptIn: false }];
    const crm = { contactId: 7, revision: 3, consent: { step: 'given', address: 'x' } };

    it.each<[string, Record<string, unknown>, Record<string, unknown>, boolean | undefined]>([
      ['REMOVE', { ...no, crm }, {}, true],
      ['REMOVE', { ...yes, crm }, {}, undefined],
      ['REMOVE', no, {}, undefined],
      ['MODIFY', { ...yes, crm }, { ...no, crm }, true],
      ['MODIFY', { ...no, crm }, { ...no, crm }, undefined],
      ['MODIFY', { ...yes, crm }, { ...yes, crm }, undefined],
      ['MODIFY', { ...no, crm }, no, true],
      ['MODIFY', { ...yes, crm }, no, true],
      ['MODIFY', { ...yes, crm }, yes, undefined],
    ])('says so: %s of %j to %j', (eventName, before, after, withdrawn) => {
      expect(recordOf(eventName, before, after)?.withdrawn).toBe(withdrawn);
    });

    it('does not say so if the mapping throws', () => {
      const fail = () => {
        throw new TypeError('no value');
      };
      expect(recordOf('REMOVE', { ...no, crm }, {}, fail)).toMatchObject({ cause: 'deleted', contactId: 7 });
    });
  });

  it('of a user whose crm map was removed or replaced says what it named', () => {
    const attempt = { at: AT, email: 'hash' };
    const before = { contactId: 7, formerContactIds: [5], attempt, revision: 3 };
    const known = { cause: 'resync', contactId: 7, formerContactIds: [5], attemptedAt: AT };
    expect(messageOf('MODIFY', before, null)).toMatchObject(known);
    expect(messageOf('MODIFY', before, { contactId: 7, revision: 2 })).toMatchObject(known);
    expect(messageOf('MODIFY', before, { contactId: 9, revision: 4 })).toMatchObject({ cause: 'changed' });
    expect(messageOf('REMOVE', { ...before, lease })).toMatchObject({
      ...known,
      cause: 'deleted',
      notBefore: A_MINUTE_LATER,
    });
  });

  it('of a deleted user without an old image has no contact', () => {
    const images = { oldImage: undefined, newImage: undefined };
    const record = { eventName: 'REMOVE', keys: image({ userId: 'ann' }), ...images, at: AT };
    expect(messageByKey(record, undefined)).toMatchObject({ userId: 'ann', cause: 'deleted' });
  });

  it.each([[undefined], [{}], [image({ userId: '' })], [image({ userId: 7 })]])(
    'is missing without a user id: %j',
    (keys) => {
      const images = { oldImage: undefined, newImage: undefined };
      expect(messageByKey({ eventName: 'MODIFY', keys, ...images, at: AT }, undefined)).toBeUndefined();
    },
  );
});
