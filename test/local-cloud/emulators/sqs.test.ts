import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type SqsServer, startSqsServer } from './sqs.ts';

let server: SqsServer;
let sqs: SQSClient;
let queueUrl: string;
let deadLetterQueueUrl: string;
let queues = 0;

beforeAll(async () => {
  server = await startSqsServer('us-east-1');
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sqs = new SQSClient({ region: 'us-east-1', endpoint: server.endpoint, credentials });
});
afterAll(async () => {
  sqs.destroy();
  await server.stop();
});
beforeEach(async () => {
  const name = `queue-${queues++}`;
  const create = async (QueueName: string, Attributes: Record<string, string>) =>
    (await sqs.send(new CreateQueueCommand({ QueueName, Attributes: { FifoQueue: 'true', ...Attributes } })))
      .QueueUrl ?? '';
  deadLetterQueueUrl = await create(`${name}-dead.fifo`, {});
  const deadLetterTargetArn = `arn:aws:sqs:us-east-1:000000000000:${name}-dead.fifo`;
  queueUrl = await create(`${name}.fifo`, {
    VisibilityTimeout: '60',
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 }),
  });
});

async function send(...bodies: string[]) {
  for (const body of bodies)
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: body,
        MessageGroupId: body.slice(0, 1),
        MessageDeduplicationId: body,
      }),
    );
}

async function receive(count = 10, url = queueUrl): Promise<Message[]> {
  const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: count });
  return (await sqs.send(command)).Messages ?? [];
}

const remove = (message: Message | undefined) =>
  sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: message?.ReceiptHandle }));
const release = (message: Message | undefined) =>
  sqs.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: queueUrl,
      ReceiptHandle: message?.ReceiptHandle,
      VisibilityTimeout: 0,
    }),
  );
const bodies = (messages: readonly Message[]) => messages.map(({ Body }) => Body);

describe('a FIFO queue', () => {
  it('has a URL with the address that the server listens on', () => {
    expect(queueUrl).toContain(`${server.endpoint}/000000000000/`);
  });

  it('is found under any host', async () => {
    await send('a1');
    const elsewhere = queueUrl.replace(server.endpoint, 'http://127.0.0.1:1');
    const direct = new SQSClient({
      region: 'us-east-1',
      endpoint: server.endpoint,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      useQueueUrlAsEndpoint: false,
    });
    const { Messages = [] } = await direct.send(new ReceiveMessageCommand({ QueueUrl: elsewhere }));
    expect(bodies(Messages)).toEqual(['a1']);
    direct.destroy();
  });

  it('returns all messages of one group in order, then those of the next', async () => {
    await send('a1', 'b1', 'a2', 'b2', 'a3');
    expect(bodies(await receive())).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
  });

  it('locks a group while any of its messages is in flight', async () => {
    await send('a1', 'a2', 'a3', 'b1');
    const [first, second] = await receive(2);
    expect(bodies(await receive())).toEqual(['b1']);
    await remove(first);
    expect(await receive()).toEqual([]);
    await remove(second);
    expect(bodies(await receive())).toEqual(['a3']);
  });

  it('returns messages that were not deleted in their original order', async () => {
    await send('a1', 'a2', 'a3', 'a4');
    const [first, second, third] = await receive(3);
    await remove(second);
    await release(first);
    await release(third);
    expect(bodies(await receive())).toEqual(['a1', 'a3', 'a4']);
  });

  it('returns each message once when the visibility timeout is 0', async () => {
    await send('a1', 'a2');
    const look = new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 10,
      VisibilityTimeout: 0,
    });
    expect(bodies((await sqs.send(look)).Messages ?? [])).toEqual(['a1', 'a2']);
    expect(bodies(await receive())).toEqual(['a1', 'a2']);
  });

  it('moves a message that was received too often to the dead-letter queue, and continues with its group', async () => {
    await send('a1', 'a2');
    for (let round = 0; round < 2; round++) await release((await receive(1))[0]);
    expect(bodies(await receive(1))).toEqual(['a2']);
    expect(bodies(await receive(10, deadLetterQueueUrl))).toEqual(['a1']);
  });
});
