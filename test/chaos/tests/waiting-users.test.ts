import { describe, expect, it } from 'vitest';
import { mapping } from '../../../shared/user/mapping.ts';
import type { CrmState, User } from '../../../shared/user/user.ts';
import type { ReadableContact } from '../../simulator/admin-routes.ts';
import { clearedWhileWaiting } from '../waiting-users.ts';

const WAITING: CrmState = {
  contactId: 1,
  tagIds: [7],
  conflict: { otherUserId: 'bob', states: 'a', since: '2026-06-15T12:00:00.000Z' },
};
const CLEARED: ReadableContact = { id: 1, values: {}, customFields: {}, tags: ['VIP'], emailStatus: null };

const findings = (crm: CrmState, contact: ReadableContact, crmAfter = crm, touched: number[] = []) => {
  const ann = (state: CrmState): User => ({ userId: 'ann', email: 'ann@example.com', crm: state });
  return clearedWhileWaiting([ann(crm)], [contact], [ann(crmAfter)], new Set(touched), mapping);
};

describe('users who wait for another user', () => {
  it('are found if their contact was cleared', () =>
    expect(findings(WAITING, CLEARED)).toEqual([
      'ann: contact 1 was cleared while the user waits for another',
    ]));

  it.each<[string, string[]]>([
    [
      'their contact still shows them',
      findings(WAITING, { ...CLEARED, customFields: { 'App User Id': 'ann' } }),
    ],
    ['it still has one of their tags', findings(WAITING, { ...CLEARED, tags: ['App User'] })],
    ['people touched it', findings(WAITING, CLEARED, WAITING, [1])],
    ['it is a new contact, without tags yet', findings({ ...WAITING, tagIds: [] }, CLEARED)],
    ['the state changed between the reads', findings(WAITING, CLEARED, { ...WAITING, contactId: 2 })],
    ['they wait no longer', findings({ contactId: 1, tagIds: [7] }, CLEARED)],
  ])('are not found if %s', (_case, found) => expect(found).toEqual([]));
});
