import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receiveAll, release } from '../../../infra/cli/receive-all.ts';
import { redrive } from '../../../infra/cli/redrive-letters.ts';
import { type SqsServer, startSqsServer } from '../../local-cloud/emulators/sqs.ts';
import { userMessage } from '../../support/user-message.ts';

let server: SqsServer;
let sqs: SQSClient;
beforeAll(async () => {
  // The strictest SQS: no short poll ever finds anything.
  server = await startSqsServer('us-east-1', undefined, () => true);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sqs = new SQSClient({ region: 'us-east-1', endpoint: server.endpoint, credentials });
});
afterAll(async () => {
  sqs.destroy();
  await server.stop();
});

async function newQueue(name: string): Promise<string> {
  const Attributes = name.endsWith('.fifo') ? { FifoQueue: 'true' } : {};
  return (await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }))).QueueUrl ?? '';
}

const send = (QueueUrl: string, messages: { group: string; body: string }[]) =>
  sqs.send(
    new SendMessageBatchCommand({
      QueueUrl,
      Entries: messages.map(({ group, body }, index) => ({
        Id: String(index),
        MessageBody: body,
        MessageGroupId: group,
        MessageDeduplicationId: `${index}`,
      })),
    }),
  );
const visible = async (QueueUrl: string) =>
  (
    await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
    )
  ).Attributes?.['ApproximateNumberOfMessages'];

describe.concurrent('an SQS whose short polls find nothing', () => {
  it('hands out messages to long polls only', async () => {
    const QueueUrl = await newQueue('strict.fifo');
    await send(QueueUrl, [{ group: 'a', body: 'a1' }]);
    expect((await sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages).toBeUndefined();
    const long = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 });
    expect((await sqs.send(long)).Messages).toHaveLength(1);
  });

  it('is emptied by receiveAll, and shows what is released', async () => {
    const QueueUrl = await newQueue('all.fifo');
    const messages = Array.from({ length: 10 }, (_, n) => ({ group: `g${n}`, body: `m${n}` }));
    await send(QueueUrl, messages);
    const received: Message[] = [];
    for await (const batch of receiveAll(sqs, QueueUrl)) received.push(...batch);
    expect(received.map(({ Body }) => Body).toSorted()).toEqual(messages.map(({ body }) => body));
    expect(await visible(QueueUrl)).toBe('0');
    const handles = received.map(({ ReceiptHandle = '' }) => ReceiptHandle);
    await release(sqs, QueueUrl, handles);
    expect(await visible(QueueUrl)).toBe('10');
    // A second time does no harm.
    await release(sqs, QueueUrl, handles.slice(0, 1));
  }, 20_000);

  it('is redriven whole, and a dry run leaves all of it visible', async () => {
    const [queueUrl, deadLetterQueueUrl] = [await newQueue('queue.fifo'), await newQueue('dead.fifo')];
    const letters = ['ann', 'ann', 'bob'].map((id) => ({ group: id, body: JSON.stringify(userMessage(id)) }));
    await send(deadLetterQueueUrl, letters);
    const options = { queueUrl, deadLetterQueueUrl };
    const dry = await redrive(sqs, { ...options, dryRun: true });
    expect(dry).toMatchObject({ reasons: [{ letters: 3 }], redriven: 0, heldElsewhere: 0 });
    expect(await visible(deadLetterQueueUrl)).toBe('3');
    expect(await redrive(sqs, options)).toMatchObject({ redriven: 3 });
    expect(await visible(queueUrl)).toBe('3');
    expect(await visible(deadLetterQueueUrl)).toBe('0');
  }, 30_000);
});
