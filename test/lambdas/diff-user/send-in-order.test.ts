import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Outgoing, sendInOrder } from '../../../lambdas/diff-user/send-in-order.ts';
import { userMessage } from '../../support/user-message.ts';

const sqs = mockClient(SQSClient);
beforeEach(() => sqs.reset());

const outgoing = (userId: string, number: number): Outgoing => ({
  message: userMessage(userId),
  eventId: `e${number}`,
  sequenceNumber: String(number),
});

/** Mocks an SQS that refuses some events. @returns what it accepts, in order. */
function queue(refused: (eventId: string) => boolean) {
  const taken: { userId: string; event: string }[] = [];
  sqs.on(SendMessageBatchCommand).callsFake(({ Entries }) => {
    expect(Entries.length).toBeLessThanOrEqual(10);
    const failed = Entries.filter((entry: { MessageDeduplicationId: string }) =>
      refused(entry.MessageDeduplicationId),
    );
    for (const entry of Entries) {
      if (failed.includes(entry)) continue;
      taken.push({ userId: entry.MessageGroupId, event: entry.MessageDeduplicationId });
    }
    return {
      Failed: failed.map(({ Id }: { Id: string }) => ({ Id, Code: 'InternalError', SenderFault: false })),
    };
  });
  return taken;
}

describe('sending in order', () => {
  it('sends no more messages of a user after a failed one, and all of the others', async () => {
    const taken = queue((eventId) => eventId === 'e1');
    const messages = [
      outgoing('ann', 1),
      outgoing('bob', 2),
      outgoing('ann', 3),
      outgoing('bob', 4),
      outgoing('ann', 5),
    ];
    expect((await sendInOrder(new SQSClient(), 'https://q', messages)).sort()).toEqual(['1', '3', '5']);
    expect(taken.map(({ event }) => event)).toEqual(['e2', 'e4']);
  });

  it('sends ten users with one request', async () => {
    queue(() => false);
    const messages = Array.from({ length: 25 }, (_, index) => outgoing(`u${index}`, index));
    expect(await sendInOrder(new SQSClient(), 'https://q', messages)).toEqual([]);
    expect(sqs.commandCalls(SendMessageBatchCommand)).toHaveLength(3);
  });

  it('keeps the order of each user and reports every unsent message, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ user: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }), { maxLength: 40 }),
        async (plan) => {
          sqs.reset();
          const taken = queue((eventId) => plan[Number(eventId.slice(1))]?.fails ?? false);
          const failed = await sendInOrder(
            new SQSClient(),
            'https://q',
            plan.map(({ user }, index) => outgoing(user, index)),
          );
          expect(taken.length + failed.length).toBe(plan.length);
          for (const user of ['a', 'b', 'c']) {
            const mine = plan.flatMap((entry, index) => (entry.user === user ? [{ ...entry, index }] : []));
            const firstFailure = mine.findIndex(({ fails }) => fails);
            const expected = firstFailure === -1 ? mine : mine.slice(0, firstFailure);
            expect(taken.filter(({ userId }) => userId === user).map(({ event }) => event)).toEqual(
              expected.map(({ index }) => `e${index}`),
            );
          }
        },
      ),
    );
  });
});
