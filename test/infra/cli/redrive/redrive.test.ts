import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  SQSServiceException,
} from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RedriveOptions, redrive } from '../../../../infra/cli/redrive/redrive.ts';
import type { Message as QueueMessage } from '../../../../shared/sync/message.ts';
import { userMessage } from '../../../support/user-message.ts';

const sqs = mockClient(SQSClient);
const DAY = 24 * 3_600_000;
const NOW = Date.parse('2026-06-15T12:00:00Z');

/** A FIFO dead-letter queue: only the oldest message of each group can be received, while it is not hidden. */
let letters: Message[];
let hidden: Set<string>;
/** Number of polls that return nothing, whatever is in the queue. */
let emptyPolls: number;
beforeEach(() => {
  sqs.reset();
  hidden = new Set();
  letters = [];
  sqs.on(GetQueueAttributesCommand).callsFake(({ QueueUrl }) => ({
    Attributes: {
      ApproximateNumberOfMessages: String(letters.length - hidden.size),
      ApproximateNumberOfMessagesNotVisible: String(hidden.size),
      QueueArn: `arn:${QueueUrl}`,
    },
  }));
  emptyPolls = 0;
  sqs.on(ReceiveMessageCommand).callsFake(() => {
    if (emptyPolls-- > 0) return {};
    const seen = new Set<string | undefined>();
    const Messages = letters.filter(({ Attributes, MessageId = '' }) => {
      const first = !seen.has(Attributes?.MessageGroupId);
      seen.add(Attributes?.MessageGroupId);
      return first && !hidden.has(MessageId);
    });
    for (const { MessageId = '' } of Messages) hidden.add(MessageId);
    return { Messages: Messages.slice(0, 10) };
  });
  sqs.on(SendMessageCommand).resolves({});
  sqs.on(DeleteMessageCommand).callsFake(({ ReceiptHandle }) => {
    letters = letters.filter(({ MessageId }) => MessageId !== ReceiptHandle);
    hidden.delete(ReceiptHandle);
  });
  sqs.on(ChangeMessageVisibilityCommand).callsFake(({ ReceiptHandle }) => hidden.delete(ReceiptHandle));
});

const letter = (id: string, userId: string, reason?: string, sentAt = NOW, body?: string): Message => ({
  MessageId: id,
  ReceiptHandle: id,
  Body: body ?? JSON.stringify(userMessage(userId)),
  Attributes: { MessageGroupId: userId, SentTimestamp: String(sentAt) },
  ...(reason && { MessageAttributes: { reason: { DataType: 'String', StringValue: reason } } }),
});
const run = (options: Partial<RedriveOptions> = {}) =>
  redrive(new SQSClient(), { queueUrl: 'queue', deadLetterQueueUrl: 'dead', ...options });
const sent = () => sqs.commandCalls(SendMessageCommand).map(({ args }) => args[0].input.MessageGroupId);

describe('a redrive', () => {
  const redriven = async (message: QueueMessage) => {
    letters = [letter('1', 'ann', 'refused-by-crm', NOW, JSON.stringify(message))];
    await run();
    const [{ args } = { args: [] }] = sqs.commandCalls(SendMessageCommand);
    return JSON.parse(args[0]?.input.MessageBody ?? '');
  };

  it.each(['backfill', 'changed', 'created', 'resync'] as const)(
    'sends a message with the cause %s as a change of now, so that a user who stays rejected has a dead letter again',
    async (cause) => {
      const message = userMessage('ann', { cause, contactId: 7 });
      const startedAt = Date.now();
      const sentMessage = await redriven(message);
      const { changedAt } = sentMessage;
      expect(sentMessage).toEqual({
        ...message,
        cause: cause === 'backfill' ? 'changed' : cause,
        changedAt,
        redriveId: expect.any(String),
      });
      expect(Date.parse(changedAt)).toBeGreaterThanOrEqual(startedAt);
    },
  );

  it.each<[string, QueueMessage]>([
    ['a deletion', userMessage('ann', { cause: 'deleted', contactId: 7 })],
    ['a request for erasure', { version: 1, kind: 'forget', userId: 'ann', requestId: 'r1' }],
  ])('sends the message of %s as it is', async (_, message) => {
    expect(await redriven(message)).toEqual({ ...message, redriveId: expect.any(String) });
  });

  it('names the first user of a message about many, and moves it back', async () => {
    const body = JSON.stringify({
      version: 1,
      kind: 'tag-users',
      userIds: ['ann', 'bob'],
      changedAt: '2026-06-15T12:00:00.000Z',
      correlationId: 'run-1',
    });
    letters = [letter('1', 'tags:run-1', undefined, NOW, body)];
    expect(await run({ dryRun: true })).toMatchObject({
      reasons: [{ reason: 'too-many-receives', exampleUserId: 'ann' }],
    });
    hidden.clear();
    await run();
    expect(sent()).toEqual(['tags:run-1']);
  });

  it('lists letters by reason, and moves none in a dry run', async () => {
    letters = [
      letter('1', 'ann', 'no-usable-email', NOW - DAY),
      letter('2', 'bob', 'no-usable-email'),
      letter('3', 'cleo'),
    ];
    expect(await run({ dryRun: true })).toEqual({
      reasons: [
        { reason: 'no-usable-email', letters: 2, oldest: '2026-06-14T12:00:00.000Z', exampleUserId: 'ann' },
        {
          reason: 'too-many-receives',
          letters: 1,
          oldest: '2026-06-15T12:00:00.000Z',
          exampleUserId: 'cleo',
        },
      ],
      behindOthers: 0,
      heldElsewhere: 0,
      redriven: 0,
      unreadable: [],
    });
    expect(sent()).toEqual([]);
    expect(hidden.size).toBe(0);
  });

  it('moves all back, also those behind others of the same user', async () => {
    letters = [
      letter('1', 'ann', 'refused-by-crm'),
      letter('2', 'ann', 'refused-by-crm'),
      letter('3', 'bob'),
    ];
    expect(await run()).toMatchObject({ behindOthers: 1, redriven: 3 });
    expect(sent().sort()).toEqual(['ann', 'ann', 'bob']);
    expect(letters).toEqual([]);
  });

  it.each<[string, QueueMessage]>([
    ['a change', userMessage('ann')],
    ['a deletion', userMessage('ann', { cause: 'deleted', contactId: 7 })],
  ])('ends, although the message about %s is rejected again at once', async (_, message) => {
    let count = 1;
    letters = [letter('1', 'ann', 'refused-by-crm', NOW, JSON.stringify(message))];
    sqs.on(SendMessageCommand).callsFake(({ MessageBody }) => {
      if (++count > 9) throw new Error('It does not end');
      letters.push(letter(String(count), 'ann', 'refused-by-crm', Date.now(), MessageBody));
    });
    expect(await run()).toMatchObject({ redriven: 1 });
    expect(letters.map(({ MessageId }) => MessageId)).toEqual(['2']);
    expect(hidden.size).toBe(0);
  });

  describe('of more letters than can be moved before the visibility timeout ends', () => {
    const COUNT = 600;
    const CALL_MS = 200;
    afterEach(() => vi.useRealTimers());

    it.each(['slowly', 'with a pause of minutes'])('moves all of them, %s', async (how) => {
      vi.useFakeTimers({ toFake: ['Date'], now: NOW });
      const tick = (ms: number) => vi.setSystemTime(Date.now() + ms);
      letters = Array.from({ length: COUNT }, (_, index) =>
        letter(`${index}`, `user${index}`, 'refused-by-crm'),
      );
      const hiddenUntil = new Map<string, number>();
      const isHidden = (id = '') => (hiddenUntil.get(id) ?? 0) > Date.now();
      /** A FIFO queue refuses a receipt handle once its visibility timeout has ended. */
      const idOf = (handle: string): string => {
        const [id = '', until] = handle.split('@');
        if (Number(until) > Date.now()) return id;
        throw new SQSServiceException({
          name: 'InvalidParameterValue',
          $fault: 'client',
          $metadata: {},
          message: `Value ${handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
        });
      };
      sqs.on(GetQueueAttributesCommand).callsFake(() => ({
        Attributes: {
          ApproximateNumberOfMessages: String(letters.filter(({ MessageId }) => !isHidden(MessageId)).length),
          ApproximateNumberOfMessagesNotVisible: '0',
        },
      }));
      sqs.on(ReceiveMessageCommand).callsFake(({ VisibilityTimeout }) => {
        tick(CALL_MS);
        const Messages = letters.filter(({ MessageId }) => !isHidden(MessageId)).slice(0, 10);
        const until = Date.now() + VisibilityTimeout * 1000;
        for (const { MessageId = '' } of Messages) hiddenUntil.set(MessageId, until);
        if (Messages.length === 0) tick(2000);
        return {
          Messages: Messages.map((each) => ({ ...each, ReceiptHandle: `${each.MessageId}@${until}` })),
        };
      });
      let sends = 0;
      sqs.on(SendMessageCommand).callsFake(() => tick(++sends === 5 && how !== 'slowly' ? 180_000 : CALL_MS));
      sqs.on(DeleteMessageCommand).callsFake(({ ReceiptHandle }) => {
        tick(CALL_MS);
        const id = idOf(ReceiptHandle);
        letters = letters.filter(({ MessageId }) => MessageId !== id);
      });
      sqs
        .on(ChangeMessageVisibilityCommand)
        .callsFake(({ ReceiptHandle }) => hiddenUntil.delete(idOf(ReceiptHandle)));
      const { redriven } = await run();
      expect(letters).toEqual([]);
      expect(redriven).toBeGreaterThanOrEqual(COUNT);
      expect(redriven).toBeLessThanOrEqual(COUNT + 1);
    });
  });

  it('moves letters with equal bodies, also one whose receipt handle expires at that moment', async () => {
    const body = JSON.stringify(userMessage('ann', { cause: 'deleted', contactId: 7 }));
    letters = ['1', '2'].map((id) => letter(id, 'ann', 'refused-by-crm', NOW, body));
    let isFirst = true;
    sqs.on(DeleteMessageCommand).callsFake(({ ReceiptHandle }) => {
      hidden.delete(ReceiptHandle);
      if (!isFirst) letters = letters.filter(({ MessageId }) => MessageId !== ReceiptHandle);
      else {
        isFirst = false;
        throw new ReceiptHandleIsInvalid({ $metadata: {}, message: 'expired' });
      }
    });
    expect(await run()).toMatchObject({ redriven: 3 });
    expect(letters).toEqual([]);
  });

  it('asks for the tags of a user whose backfill has ended', async () => {
    const message = userMessage('ann', { cause: 'backfill', tagsLater: true });
    expect(await redriven(message)).not.toHaveProperty('tagsLater');
  });

  it('polls again after an empty poll', async () => {
    letters = [letter('1', 'ann'), letter('2', 'bob')];
    emptyPolls = 3;
    expect(await run()).toMatchObject({ redriven: 2 });
    for (const { args } of sqs.commandCalls(ReceiveMessageCommand))
      expect(args[0].input.WaitTimeSeconds).toBeGreaterThan(0);
  });

  it('counts letters that another reader has received', async () => {
    letters = [letter('1', 'ann'), letter('2', 'bob')];
    hidden.add('2');
    expect(await run()).toMatchObject({ redriven: 1, heldElsewhere: 1 });
  });

  it('makes letters visible again when it fails', async () => {
    letters = [letter('1', 'ann')];
    sqs.on(SendMessageCommand).rejects(new Error('throttled'));
    await expect(run()).rejects.toThrow('throttled');
    expect(hidden.size).toBe(0);
  });

  it('loses nothing when it cannot send', async () => {
    letters = [letter('1', 'ann'), letter('2', 'bob')];
    sqs.on(SendMessageCommand).rejects(new Error('throttled'));
    await expect(run()).rejects.toThrow('throttled');
    expect(letters).toHaveLength(2);
  });

  it.each([
    ['a reason', { reason: 'refused-by-crm' }, ['bob']],
    ['a time', { since: NOW - 1 }, ['bob']],
  ])('by %s leaves the others', async (_, filter, users) => {
    letters = [letter('1', 'ann', 'no-usable-email', NOW - DAY), letter('2', 'bob', 'refused-by-crm')];
    expect(await run(filter)).toMatchObject({ redriven: 1 });
    expect(sent()).toEqual(users);
    expect(letters.map(({ MessageId }) => MessageId)).toEqual(['1']);
    expect(hidden.size).toBe(0);
  });

  it('leaves other messages, and lists them without their text', async () => {
    letters = [letter('1', 'x', undefined, NOW, 'not ours'), letter('2', 'ann')];
    expect(await run()).toMatchObject({
      redriven: 1,
      unreadable: [{ messageId: '1', characters: 8 }],
    });
    expect(letters.map(({ MessageId }) => MessageId)).toEqual(['1']);
  });

  it('names the existing reasons', async () => {
    letters = [letter('1', 'ann', 'no-usable-email')];
    await expect(run({ reason: 'other' })).rejects.toThrow(/reason other\. Reasons: no-usable-email/);
    expect(hidden.size).toBe(0);
  });
});
