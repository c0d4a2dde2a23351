import { describe, expect, it } from 'vitest';
import { planTagChange } from '../../../shared/contacts/plan-tag-change.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import { CATALOG, fresh, NOON, synced } from '../../support/backfill-users.ts';
import { invocationOf } from '../../support/crm-under-test.ts';

const IN_SYNC = synced(fresh(1));
const TAG_IDS = IN_SYNC.crm?.tagIds ?? [];
const NEXT_ID = Math.max(...Object.values(CATALOG.tags)) + 1;
const decisionOn = (user: User) =>
  planTagChange(user, CATALOG, { mapping, invocation: () => invocationOf('a', 1, NOON), now: () => NOON });
const withState = (changes: CrmState): User => ({ ...IN_SYNC, crm: { ...IN_SYNC.crm, ...changes } });
const lease = { environment: 'b', invocation: 1, until: new Date(NOON + 1000).toISOString() };
const at = new Date(NOON).toISOString();
const rejection = { reason: 'contact-of-another-user', errorId: 'e1', at };

describe('what a tag job does with a user', () => {
  it.each<[string, User, string]>([
    ['who is up to date', IN_SYNC, 'in-sync'],
    ['whom the CRM cannot accept', { ...withState({ tagIds: [] }), email: undefined }, 'in-sync'],
    ['on whom another invocation works', withState({ tagIds: [], lease }), 'leased'],
    ['of whose state nothing is certain', withState({ tagIds: [], untrusted: true }), 'contact-unconfirmed'],
    ['who has a contact to leave', withState({ tagIds: [], formerContactIds: [5] }), 'contact-unconfirmed'],
    [
      'who waits for another user',
      withState({ tagIds: [], conflict: { otherUserId: 'bob', states: 'x', since: at } }),
      'contact-unconfirmed',
    ],
    [
      'whose contact the CRM does not know',
      withState({ tagIds: [], missingSince: { 7: at } }),
      'contact-unconfirmed',
    ],
    ['who has no contact', fresh(1), 'no-contact'],
    ['who was rejected without a contact', { ...fresh(1), crm: { rejection } }, 'in-sync'],
    ['whose fields have to change too', { ...withState({ tagIds: [] }), firstName: 'Ann' }, 'fields-differ'],
    ['whose tags alone have to change', withState({ tagIds: [] }), 'planned'],
  ])('%s', (_, user, kind) => {
    expect(decisionOn(user)).toMatchObject({ kind, userId: user.userId });
  });

  it('is to add what is missing, and to remove what may be there', () => {
    const [removed = 0] = Object.values(CATALOG.tags).filter((id) => !TAG_IDS.includes(id));
    const user = withState({ tagIds: TAG_IDS.slice(1), uncertainTagIds: [removed], revision: 3 });
    expect(decisionOn(user)).toMatchObject({
      contactId: 7,
      revision: 3,
      desired: expect.arrayContaining(TAG_IDS),
      plan: { add: TAG_IDS.slice(0, 1), remove: [removed] },
      checkpoint: { tagIds: TAG_IDS.slice(1) },
    });
  });

  it('leaves tags alone that are not managed', () => {
    const decision = decisionOn(withState({ tagIds: [], uncertainTagIds: [NEXT_ID] }));
    expect(decision).toMatchObject({ plan: { remove: [] } });
  });

  it('adds every tag of a user whose tags were left to the job', () => {
    const { tagIds: _, ...crm } = IN_SYNC.crm ?? {};
    const decision = decisionOn({ ...IN_SYNC, crm });
    expect(decision).toMatchObject({ plan: { add: expect.arrayContaining(TAG_IDS), remove: [] } });
  });
});
