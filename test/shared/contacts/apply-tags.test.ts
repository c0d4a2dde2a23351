import { describe, expect, it, vi } from 'vitest';
import { applyTags } from '../../../shared/contacts/apply-tags.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import type { TagResult } from '../../../shared/infusionsoft/schemas.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { CrmState } from '../../../shared/user/user.ts';
import { CATALOG } from '../../support/backfill-users.ts';

const idOf = (name: string) => CATALOG.tags[name.toLowerCase()] ?? 0;
const [TRIAL, ACTIVE, WEEK] = ['Subscription: Trial', 'Subscription: Active', 'Week 1'].map(idOf) as [
  number,
  number,
  number,
];
const TAGS = ['Week 1', 'Subscription: Active'];

function apply(crm: CrmState, results: TagResult[][] = [], observed?: number[]) {
  const requests: [string, number, readonly number[]][] = [];
  const progress: CrmState[] = [];
  const newerThan = vi.fn(async () => CATALOG);
  const state = applyTags(
    { contactId: 7, crm, observed },
    TAGS,
    CATALOG,
    {
      client: {
        async removeTags(contactId, ids) {
          requests.push(['remove', contactId, ids]);
        },
        async applyTags(contactId, ids) {
          requests.push(['add', contactId, ids]);
          const answer = results.shift() ?? [];
          return new Map(ids.map((id, index) => [id, answer[index] ?? 'SUCCESS']));
        },
      },
      catalogSource: { newerThan },
    },
    (each) => void progress.push(each),
  );
  return { state, requests, progress, newerThan };
}

describe('the tags of a contact', () => {
  it('that are right cost no request', async () => {
    const { state, requests, progress, newerThan } = apply({ contactId: 7, tagIds: [ACTIVE, WEEK] });
    expect(await state).toEqual({ contactId: 7, tagIds: [ACTIVE, WEEK] });
    expect({ requests, progress }).toEqual({ requests: [], progress: [] });
    expect(newerThan).not.toHaveBeenCalled();
  });

  it('are removed before others are added, and each step is reported before and after its request', async () => {
    const { state, requests, progress } = apply({ tagIds: [WEEK, TRIAL], uncertainTagIds: [1000] });
    expect(await state).toEqual({ tagIds: [ACTIVE, WEEK] });
    expect(requests).toEqual([
      ['remove', 7, [TRIAL]],
      ['add', 7, [ACTIVE]],
    ]);
    expect(progress).toEqual([
      { tagIds: [WEEK], uncertainTagIds: [TRIAL, ACTIVE] },
      { tagIds: [WEEK], uncertainTagIds: [ACTIVE] },
      { tagIds: [ACTIVE, WEEK] },
    ]);
  });

  it('of which nothing is stored are all added, in the order of their ids in the state', async () => {
    const { state, requests } = apply({}, [['DUPLICATE', 'SUCCESS']]);
    expect(await state).toEqual({ tagIds: [ACTIVE, WEEK] });
    expect(requests).toEqual([['add', 7, [WEEK, ACTIVE]]]);
  });

  it('that only have to be removed cost one request', async () => {
    const { state, requests } = apply({ tagIds: [ACTIVE, WEEK] }, [], [ACTIVE, WEEK, TRIAL]);
    expect(await state).toEqual({ tagIds: [ACTIVE, WEEK] });
    expect(requests).toEqual([['remove', 7, [TRIAL]]]);
  });

  it('that were deleted in the CRM are created again, and only they are added again', async () => {
    const { state, requests, newerThan } = apply({}, [['TAG_ID_NOT_FOUND', 'SUCCESS'], ['SUCCESS']]);
    expect(await state).toEqual({ tagIds: [ACTIVE, WEEK] });
    expect(requests.slice(1)).toEqual([['add', 7, [WEEK]]]);
    expect(newerThan).toHaveBeenCalledExactlyOnceWith(Date.parse(CATALOG.refreshedAt));
  });

  it.each<[string, TagResult[][], new (...all: never[]) => Error]>([
    [
      'that the CRM does not know right after it listed them',
      [['TAG_ID_NOT_FOUND'], ['TAG_ID_NOT_FOUND']],
      RetryableError,
    ],
    ['that the account may not apply', [['NO_PERMISSION']], RejectedError],
    ['that the CRM failed to apply', [['FAILURE']], RetryableError],
    ['of which one is unknown and one failed', [['TAG_ID_NOT_FOUND', 'FAILURE']], RetryableError],
    ['of a contact that is gone', [['NO_PERMISSION', 'CONTACT_NOT_FOUND']], NotFoundError],
  ])('%s fail as they should, and what was applied is reported', async (_, results, kind) => {
    const { state, progress } = apply({}, results);
    await expect(state).rejects.toThrow(kind);
    expect(progress.at(-1)?.tagIds).not.toContain(WEEK);
  });
});
