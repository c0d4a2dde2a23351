import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  correlationIdsOf,
  type MessageGroup,
  messageGroups,
  receiveCountOf,
  tasksOf,
} from '../../../lambdas/sync-contact/message-groups.ts';
import { RejectedError } from '../../../shared/sync/errors.ts';
import type { Message } from '../../../shared/sync/message.ts';
import { record } from '../../support/consumer-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

const FORGET: Message = { version: 1, kind: 'forget', userId: 'ann', requestId: 'q1' };
const idsOf = ({ deliveries }: MessageGroup) => deliveries.map(({ record: { messageId } }) => messageId);

/** The only group of some messages. */
function groupOf(...records: ReturnType<typeof record>[]): MessageGroup {
  const [group, ...others] = messageGroups(records);
  if (!group || others.length > 0) throw new Error('The messages are of one group');
  return group;
}

describe('the groups of a batch', () => {
  it('have all messages of a group, in the order of the batch', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ann', 'bob', 'cem')), (userIds) => {
        const records = userIds.map((userId) => record(userMessage(userId)));
        const groups = messageGroups(records);
        expect(groups.map(({ id }) => id)).toEqual([...new Set(userIds)]);
        for (const group of groups)
          expect(idsOf(group)).toEqual(
            records.flatMap(({ messageId, attributes }) =>
              attributes.MessageGroupId === group.id ? [messageId] : [],
            ),
          );
      }),
    );
  });

  it('are one for each message without a group', () => {
    const records = [record(userMessage('ann')), record(userMessage('ann'))];
    for (const { attributes } of records) delete attributes.MessageGroupId;
    expect(messageGroups(records).map(({ id }) => id)).toEqual(records.map(({ messageId }) => messageId));
  });

  it.each([
    ['is not JSON', 'hello'],
    ['is no message', '{"version":1}'],
    ['is a message of a later version', JSON.stringify({ ...userMessage('ann'), version: 2 })],
  ])('have an error for a record that %s: the same at each delivery', (_, body) => {
    const one = record(body, 'ann');
    const [first, second] = [groupOf(one), groupOf(one)].map(({ deliveries }) => deliveries[0].message);
    expect(first).toBeInstanceOf(RejectedError);
    expect(first).toMatchObject({ reason: 'unreadable-message', errorId: one.messageId });
    expect(second).toEqual(first);
  });

  it('have the messages as they were sent', () => {
    const group = groupOf(record(FORGET), record(userMessage('ann')));
    expect(group.deliveries.map(({ message }) => message)).toEqual([FORGET, userMessage('ann')]);
  });

  it('are as old as the message that was delivered most often', () => {
    const records = [1, 4, 2].map((deliveries) => {
      const each = record(userMessage('ann'));
      each.attributes.ApproximateReceiveCount = String(deliveries);
      return each;
    });
    expect(receiveCountOf(groupOf(...records))).toBe(4);
  });

  it('name the changes that their messages come from', () => {
    const correlated = (correlationId: string) => record(userMessage('ann', { correlationId }));
    const group = groupOf(
      correlated('e1'),
      record(FORGET),
      record('{}', 'ann'),
      correlated(''),
      correlated('e2'),
    );
    expect(correlationIdsOf(group)).toEqual(['e1', 'e2']);
  });
});

describe('the tasks of a group', () => {
  const edit = userMessage('ann');
  const deletion = userMessage('ann', { cause: 'deleted' });

  it.each<[string, (Message | string)[], number[]]>([
    ['changes of one user are one', [edit, edit, edit], [3]],
    ['a deletion and a sign-up are two', [edit, deletion, deletion, edit], [1, 2, 1]],
    ['changes of two users in one group are two', [edit, userMessage('bob'), edit], [1, 1, 1]],
    ['other messages are one each', [FORGET, FORGET, edit, edit, FORGET], [1, 1, 2, 1]],
    ['unreadable messages are one each', ['{}', '{}', edit, '{}', edit], [1, 1, 1, 1, 1]],
  ])('%s', (_, bodies, sizes) => {
    const group = groupOf(...bodies.map((body) => record(body, 'group')));
    const tasks = tasksOf(group);
    expect(tasks.map(({ deliveries }) => deliveries.length)).toEqual(sizes);
    expect(tasks.map(({ id }) => id)).toEqual(sizes.map(() => 'group'));
    expect(tasks.flatMap(idsOf)).toEqual(idsOf(group));
  });

  it('leave the group as it is', () => {
    const group = groupOf(record(edit), record(edit));
    const before = idsOf(group);
    tasksOf(group);
    expect(idsOf(group)).toEqual(before);
  });
});
