import { describe, expect, it } from 'vitest';
import { needOf } from '../../../lambdas/backfill/need.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { CATALOG, fresh, NOON, synced } from '../../support/backfill-users.ts';

const HOUR_MS = 3_600_000;

describe('what a user needs', () => {
  const need = (user: User, mode: 'contacts' | 'tags' | 'refresh', now = NOON) =>
    needOf(user, { mapping, mode, catalog: CATALOG, now });
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
        requests: 1,
        tags: { remove: [], add: ids('app user', 'subscription: active', 'active') },
      },
    ],
    ['a user without a contact, of no interest to', fresh(1), 'tags', NOON, { kind: 'none' }],
    ['a user with a contact, of no interest to', synced(fresh(1)), 'contacts', NOON, { kind: 'none' }],
    [
      'a contact that a run before has left without its tags',
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
      'a user of whom fields have changed too',
      { ...untagged, firstName: 'Ann' },
      'tags',
      NOON,
      { updates: true, requests: 2, tags: undefined },
    ],
    ['a user who is right already', synced(fresh(1)), 'refresh', NOON, { kind: 'none' }],
    [
      'a user whom time has changed',
      synced(fresh(1)),
      'refresh',
      monthLater,
      { updates: false, requests: 0, tags: { remove: ids('active'), add: ids('inactive 14 days') } },
    ],
    [
      'a user who has long been inactive',
      { ...fresh(1), subscription: undefined, lastActiveAt: '2025-01-01' },
      'refresh',
      NOON,
      { kind: 'none' },
    ],
    [
      'a user without a usable email',
      { ...fresh(1), email: 'x' },
      'contacts',
      NOON,
      { kind: 'rejected', reason: 'no-usable-email' },
    ],
  ] as const)('%s: %#', (_, user, mode, now, expected) => {
    expect(need(user as User, mode, now)).toMatchObject(expected);
  });
});
