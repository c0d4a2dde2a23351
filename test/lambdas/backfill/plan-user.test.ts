import { describe, expect, it } from 'vitest';
import { planUser } from '../../../lambdas/backfill/plan-user.ts';
import { consentGiven, hashAddress } from '../../../shared/sync/consent.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { CATALOG, fresh, NOON, synced } from '../../support/backfill-users.ts';

const HOUR_MS = 3_600_000;

/** A user who is up to date, and whose consent was carried out. */
function withConsent(user: User): User {
  const { crm, ...others } = synced(user);
  return { ...others, crm: { ...crm, consent: consentGiven(hashAddress(user.email ?? '')) } };
}

describe('the plan of', () => {
  const plan = (user: User, mode: 'contacts' | 'tags' | 'refresh', now = NOON) =>
    planUser(user, { mapping, mode, catalog: CATALOG, now });
  const untagged = { ...synced(fresh(1)), crm: { ...synced(fresh(1)).crm, tagIds: [] } };
  const monthLater = NOON + 20 * 24 * HOUR_MS;

  const ids = (...names: string[]) => names.map((name) => CATALOG.tags[name]);

  it.each([
    [
      'a user without a contact',
      fresh(1),
      'contacts',
      NOON,
      {
        creates: true,
        updates: false,
        requests: 1,
        tags: { remove: [], add: ids('app user', 'subscription: active', 'active') },
      },
    ],
    ['a user without a contact, whom the mode does not select', fresh(1), 'tags', NOON, { kind: 'nothing' }],
    [
      'a user with a contact, whom the mode does not select',
      synced(fresh(1)),
      'contacts',
      NOON,
      { kind: 'nothing' },
    ],
    [
      'a user with a contact whose fields differ, whom the mode does not select',
      { ...synced(fresh(1)), firstName: 'Ann' },
      'contacts',
      NOON,
      { kind: 'nothing' },
    ],
    [
      'a user who has tags and no contact',
      { ...fresh(1), crm: { tagIds: [1] } },
      'contacts',
      NOON,
      { creates: true, updates: false, requests: 1 },
    ],
    [
      'a user of whom a value is gone that was written',
      { ...synced({ ...fresh(1), firstName: 'Ann' }), firstName: undefined },
      'refresh',
      NOON,
      { creates: false, updates: true, requests: 1, tags: undefined },
    ],
    [
      'a contact that an earlier run left without tags',
      { ...synced(fresh(1)), crm: { ...synced(fresh(1)).crm, tagIds: undefined, uncertainTagIds: [1, 7] } },
      'contacts',
      NOON,
      { creates: false, updates: false, requests: 0, tags: { remove: [7] } },
    ],
    [
      'a contact without tags',
      untagged,
      'tags',
      NOON,
      { creates: false, updates: false, requests: 0, tags: { remove: [] } },
    ],
    [
      'a contact without tags whose fields differ too',
      { ...untagged, firstName: 'Ann' },
      'tags',
      NOON,
      { creates: false, updates: true, requests: 2, tags: undefined },
    ],
    ['a user who is up to date', synced(fresh(1)), 'refresh', NOON, { kind: 'nothing' }],
    [
      'a user of whom only time has changed the tags',
      synced(fresh(1)),
      'refresh',
      monthLater,
      { updates: false, requests: 0, tags: { remove: ids('active'), add: ids('inactive 14 days') } },
    ],
    [
      'a user who has been inactive for long',
      { ...fresh(1), subscription: undefined, lastActiveAt: '2025-01-01' },
      'refresh',
      NOON,
      { kind: 'nothing' },
    ],
    [
      'a user without a usable email',
      { ...fresh(1), email: 'x' },
      'contacts',
      NOON,
      { kind: 'invalid', reason: 'no-usable-email' },
    ],
    ['a user who has no email yet', { ...fresh(1), email: '' }, 'contacts', NOON, { kind: 'nothing' }],
    [
      'a user with consent and without a contact',
      { ...fresh(1), marketingOptIn: true },
      'contacts',
      NOON,
      { creates: true, requests: 2 },
    ],
    [
      'a user of whom only the consent is not carried out',
      synced({ ...fresh(1), marketingOptIn: true }),
      'refresh',
      NOON,
      { creates: false, updates: true, requests: 2, tags: undefined },
    ],
    [
      'a user who never consented',
      synced({ ...fresh(1), marketingOptIn: false }),
      'refresh',
      NOON,
      { kind: 'nothing' },
    ],
    [
      'a user whose consent is carried out',
      withConsent({ ...fresh(1), marketingOptIn: true }),
      'refresh',
      NOON,
      { kind: 'nothing' },
    ],
    [
      'a user whose withdrawal is open',
      withConsent({ ...fresh(1), marketingOptIn: false }),
      'refresh',
      NOON,
      { creates: false, updates: true, requests: 2 },
    ],
    [
      'a user whose withdrawal is open, and whose email is not usable any more',
      { ...withConsent({ ...fresh(1), marketingOptIn: false }), email: 'x' },
      'refresh',
      NOON,
      { creates: false, updates: true, requests: 2 },
    ],
    ...[
      { untrusted: true },
      { formerContactIds: [9] },
      { missingSince: { 7: new Date(NOON).toISOString() } },
      { conflict: { otherUserId: 'bob', states: 'x', since: new Date(NOON).toISOString() } },
    ].map(
      (open) =>
        [
          `a user whose last sync left work (${Object.keys(open)})`,
          { ...synced(fresh(1)), crm: { ...synced(fresh(1)).crm, ...open } },
          'refresh',
          NOON,
          { creates: false, updates: true, requests: 1, tags: undefined },
        ] as const,
    ),
  ] as const)('%s: %#', (_, user, mode, now, expected) => {
    expect(plan(user as User, mode, now)).toMatchObject(expected);
  });

  it('a contact that lacks only a tag that the account refuses to create', () => {
    const { active: _, ...tags } = CATALOG.tags;
    const user = {
      ...synced(fresh(1)),
      crm: { ...synced(fresh(1)).crm, tagIds: ids('app user', 'subscription: active') },
    };
    expect(plan(user as User, 'refresh')).toMatchObject({ tags: { add: ids('active') } });
    expect(
      planUser(user as User, { mapping, mode: 'refresh', catalog: { ...CATALOG, tags }, now: NOON }),
    ).toEqual({
      kind: 'nothing',
    });
  });

  it('a user whose name and consent change has no tags to change; one whose name and tags change has', () => {
    const before = synced({ ...fresh(1), marketingOptIn: true });
    const changed: User = { ...before, firstName: 'New', marketingOptIn: false };
    const consent = { step: 'given', address: hashAddress(before.email ?? '') } as const;
    expect(plan({ ...changed, crm: { ...before.crm, consent } }, 'refresh')).toMatchObject({
      changesTags: false,
    });
    expect(plan({ ...changed, crm: { ...before.crm, tagIds: [] } }, 'refresh')).toMatchObject({
      changesTags: true,
    });
  });

  it('a user before the first catalog has all tags to add, by name', () => {
    const context = { mapping, mode: 'contacts', catalog: undefined, now: NOON } as const;
    expect(planUser(fresh(1), context)).toEqual({
      kind: 'sync',
      creates: true,
      updates: false,
      changesTags: true,
      requests: 1,
      tags: { remove: [], add: ['App User', 'Subscription: Active', 'Active'] },
    });
  });
});
