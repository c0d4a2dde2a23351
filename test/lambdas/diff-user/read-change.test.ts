import { marshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeMessage } from '../../../lambdas/diff-user/change-message.ts';
import { type Image, readChange } from '../../../lambdas/diff-user/read-change.ts';
import { unmarshallItem } from '../../../shared/store/unmarshall-item.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { InvalidUserError, readUser } from '../../../shared/user/read-user.ts';
import { userArbitrary } from '../../support/user-arbitrary.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const AT = '2026-06-15T12:00:00.000Z';
const image = (item: Record<string, unknown>): Image => marshall(item, { removeUndefinedValues: true });
const whole = (given: Image) => readUser(unmarshallItem(given)).user;

const crm = fc.record(
  {
    contactId: fc.oneof(fc.constantFrom(7, 8, 0, 'seven', null)),
    tagIds: fc.array(fc.nat(3)),
    lease: fc.constantFrom(
      { environment: 'a', invocation: 1, until: AT },
      { environment: 'a', invocation: 1, until: 'soon' },
      null,
    ),
  },
  { requiredKeys: [] },
);
/** An item, also with values of wrong types and unknown attributes. */
const item = fc
  .tuple(userArbitrary(), fc.record({ crm, lastName: fc.nat(), theme: fc.string() }, { requiredKeys: [] }))
  .map(([user, others]) => image({ ...user, ...others }));

describe('readChange', () => {
  it('results in the same message as parsing both images completely', () => {
    fc.assert(
      fc.property(item, item, fc.array(fc.nat(20)), (before, other, positions) => {
        const names = [...new Set([...Object.keys(before), ...Object.keys(other)])];
        const taken = positions.map((position) => names[position % names.length] ?? '');
        const after = Object.fromEntries(
          names.flatMap((name) => {
            const value = (taken.includes(name) ? other : before)[name];
            return value ? [[name, value]] : [];
          }),
        );
        const message = (change: { before: ReturnType<typeof whole>; after: ReturnType<typeof whole> }) =>
          changeMessage(mapping, { ...change, at: AT }, NOW);
        expect(changeMessage(mapping, { ...readChange(before, after), at: AT }, NOW)).toEqual(
          message({ before: whole(before), after: whole(after) }),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('results in the same message as parsing the whole image of a deletion', () => {
    fc.assert(
      fc.property(item, (before) => {
        const change = { before: whole(before), after: undefined, at: AT };
        expect(changeMessage(mapping, { ...readChange(before, undefined), at: AT }, NOW)).toEqual(
          changeMessage(mapping, change, NOW),
        );
      }),
    );
  });

  it('results in a resync when the crm map of a user without a contact was removed', () => {
    const ann = { userId: 'ann', email: 'ann@example.com' };
    const change = readChange(image({ ...ann, crm: { revision: 1 } }), image(ann));
    expect(changeMessage(mapping, { ...change, at: AT }, NOW)).toMatchObject({
      userId: 'ann',
      cause: 'resync',
    });
  });

  it('returns the user of a sign-up or a deletion without unknown attributes', () => {
    const ann = image({ userId: 'ann', firstName: 'Ann', theme: 'dark' });
    expect(readChange(undefined, ann)).toEqual({
      before: undefined,
      after: { userId: 'ann', firstName: 'Ann' },
    });
    expect(readChange(ann, undefined)).toEqual({
      before: { userId: 'ann', firstName: 'Ann' },
      after: undefined,
    });
  });

  const ANN = { userId: 'ann', email: 'ann@example.com', firstName: 'Ann' };
  const CRM = {
    contactId: 7,
    tagIds: [1, 2],
    fingerprint: { EMAIL1: 'x' },
    lease: { environment: 'a', invocation: 1, until: AT },
    syncedAt: AT,
  };

  type Sample = Partial<typeof ANN> & { crm?: Partial<typeof CRM> & { revision?: number } };

  it.each([
    [
      'is changed by the sync only',
      { ...ANN, crm: { ...CRM, revision: 1 } },
      { ...ANN, crm: { ...CRM, contactId: 8, revision: 2 } },
    ],
    ['is synced for the first time', ANN, { ...ANN, crm: { ...CRM, revision: 1 } }],
    ['gets other unknown attributes', { ...ANN, theme: 'dark' }, { ...ANN, theme: 'light' }],
    ['is the same', ANN, ANN],
  ])('reads no user who %s', (_, before, after) => {
    expect(readChange(image(before), image(after))).toEqual({ before: undefined, after: undefined });
  });

  it.each<[string, Sample, Sample]>([
    ['gets its first contact', ANN, { ...ANN, crm: CRM }],
    ['gets another contact', { ...ANN, crm: CRM }, { ...ANN, crm: { ...CRM, contactId: 8 } }],
    ['loses its contact', { ...ANN, crm: CRM }, { ...ANN, crm: { tagIds: [1] } }],
    ['loses its crm map', { ...ANN, crm: { revision: 1 } }, ANN],
    ['gets an older crm map', { ...ANN, crm: { revision: 2 } }, { ...ANN, crm: { revision: 1 } }],
    ['is changed by the app', { ...ANN, crm: CRM }, { ...ANN, firstName: 'Anna', crm: CRM }],
    ['is changed by the app and the sync', ANN, { userId: 'ann', email: 'ann@example.com', crm: CRM }],
  ])('reads a user who %s, with only the parts of its crm map that a message needs', (_, before, after) => {
    const small = (user: Sample) => {
      const { contactId, lease, revision } = user.crm ?? {};
      const crm = {
        ...(contactId && { contactId }),
        ...(lease && { lease }),
        ...(revision && { revision }),
      };
      return whole(image({ ...user, ...(user.crm && { crm }) }));
    };
    expect(readChange(image(before), image(after))).toEqual({ before: small(before), after: small(after) });
  });

  it('throws for an item without a user id, even if nothing has changed', () => {
    const withoutId = image({ email: 'ann@example.com' });
    expect(() => readChange(withoutId, withoutId)).toThrow(InvalidUserError);
    expect(() => readChange(undefined, withoutId)).toThrow(InvalidUserError);
  });
});
