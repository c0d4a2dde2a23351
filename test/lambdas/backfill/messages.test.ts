import { describe, expect, it } from 'vitest';
import { backfillMessage, entryOf, groupOf, tagJobMessage } from '../../../lambdas/backfill/messages.ts';
import { messageSchema } from '../../../shared/sync/message.ts';
import { NOON } from '../../support/backfill-users.ts';

const RUN = 'run-1';
/** The longest name that Step Functions allows. */
const LONG_RUN = `a${'b'.repeat(79)}`;

describe('the message of a backfill', () => {
  const ann = () => backfillMessage('ann', RUN, NOON);

  it('about a user leaves the tags of a new contact to a tag job', () => {
    expect(messageSchema.parse(ann())).toEqual({
      version: 1,
      kind: 'user',
      userId: 'ann',
      cause: 'backfill',
      changedAt: '2026-06-15T12:00:00.000Z',
      correlationId: RUN,
      fields: [],
      tagsAdded: [],
      tagsRemoved: [],
      tagsLater: true,
    });
  });

  it('about a user is in the group of the user, so that it is in order with live changes', () => {
    expect(entryOf(ann(), RUN)).toEqual({
      message: ann(),
      groupId: 'ann',
      deduplicationId: 'run-1:ann',
    });
  });

  it('about tags names the users, and is in a group of its own', () => {
    const message = tagJobMessage(['ann', 'bob'], RUN, NOON);
    expect(messageSchema.parse(message)).toEqual({
      version: 1,
      kind: 'tag-users',
      userIds: ['ann', 'bob'],
      changedAt: '2026-06-15T12:00:00.000Z',
      correlationId: RUN,
    });
    const { groupId, deduplicationId } = entryOf(message, RUN);
    expect(groupId).toBe(groupOf(message, RUN));
    expect(deduplicationId).toBe(groupId);
    const groups = [
      groupId,
      groupOf(tagJobMessage(['ann'], RUN, NOON), RUN),
      groupOf(tagJobMessage(['annb', 'ob'], RUN, NOON), RUN),
      groupOf(message, 'run-2'),
    ];
    expect(new Set(groups).size).toBe(groups.length);
  });

  it('has the same ids when it is sent again, and other ids in another run', () => {
    expect(entryOf(backfillMessage('ann', RUN, NOON + 5000), RUN).deduplicationId).toBe('run-1:ann');
    expect(entryOf(backfillMessage('ann', 'run-2', NOON), 'run-2').deduplicationId).toBe('run-2:ann');
    const again = tagJobMessage(['ann', 'bob'], RUN, NOON + 5000);
    expect(groupOf(again, RUN)).toBe(groupOf(tagJobMessage(['ann', 'bob'], RUN, NOON), RUN));
  });

  it.each([
    ['a user id and', 'x'.repeat(128)],
    ['a user id of many bytes and', 'ü'.repeat(500)],
    ['a user id of ordinary length and', '8d7e70bd-1f0d-4c3e-9f57-0a1b2c3d4e5f'],
  ])('has ids that SQS accepts with %s a run id that are long', (_, userId) => {
    for (const message of [
      backfillMessage(userId, LONG_RUN, NOON),
      tagJobMessage([userId], LONG_RUN, NOON),
    ]) {
      const { groupId, deduplicationId } = entryOf(message, LONG_RUN);
      expect([groupId, deduplicationId].filter((id) => !/^[!-~]{1,128}$/.test(id))).toEqual([]);
    }
  });
});
