import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, it } from 'vitest';
import { sendAll } from '../../../shared/queue/send-batch.ts';
import { userMessage } from '../../support/user-message.ts';

const sqs = mockClient(SQSClient);
beforeEach(() => {
  sqs.reset();
  sqs.on(SendMessageBatchCommand).resolves({});
});
const entry = (userId: string) => ({ message: userMessage(userId), groupId: 'g', deduplicationId: 'd' });
const send = (...userIds: string[]) =>
  sendAll(new SQSClient({ region: 'eu-west-1' }), 'queue', userIds.map(entry));
const sizes = () =>
  sqs.commandCalls(SendMessageBatchCommand).map(({ args }) => args[0].input.Entries?.length);

it('sends ten messages in a call', async () => {
  await send(...Array.from({ length: 23 }, (_, index) => `u${index}`));
  expect(sizes()).toEqual([10, 10, 3]);
});

it('sends fewer long messages, since a call has at most 200,000 bytes', async () => {
  await send('a', 'é'.repeat(50_000), 'b', 'é'.repeat(60_000), 'c');
  expect(sizes()).toEqual([3, 2]);
});

it('encodes any user id in characters that SQS accepts, without loss', async () => {
  const userId = 'é 🏋️ \uFFFE\uFFFF \uD800 \u0000 \uE000';
  await send(userId);
  const [call] = sqs.commandCalls(SendMessageBatchCommand);
  const { MessageBody = '' } = call?.args[0].input.Entries?.[0] ?? {};
  expect(MessageBody).toMatch(/^[\x20-\uD7FF]+$/);
  expect(JSON.parse(MessageBody)).toMatchObject({ userId });
});

it('throws if SQS does not accept all messages', async () => {
  sqs.on(SendMessageBatchCommand).resolves({ Failed: [{ Id: '0', Code: 'Busy', SenderFault: false }] });
  await expect(send('a')).rejects.toThrow(/did not accept 1/);
});
