import { describe, expect, it } from 'vitest';
import { changesMade } from '../../../shared/contacts/changes-made.ts';
import type { CrmState } from '../../../shared/user/user.ts';

describe('what a sync has done', () => {
  const before: CrmState = { contactId: 1, tagIds: [7, 8], fingerprint: { given_name: 'x' }, revision: 3 };

  it.each<[string, CrmState, CrmState, string[]]>([
    ['a new contact with tags', {}, before, ['created', 'tagged']],
    ['a new contact without', {}, { contactId: 1, fingerprint: {}, tagIds: [] }, ['created']],
    ['another contact in place of one that is gone', before, { ...before, contactId: 2 }, ['created']],
    ['a field', before, { ...before, fingerprint: { given_name: 'y' } }, ['updated']],
    ['a tag', before, { ...before, tagIds: [7, 9] }, ['tagged']],
    ['the same tags in another order', before, { ...before, tagIds: [8, 7], revision: 4 }, []],
    ['nothing', before, before, []],
  ])('%s', (_, from, to, expected) => {
    expect(changesMade(from, to)).toEqual(expected);
  });
});
