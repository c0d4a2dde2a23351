import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildAppOptions, buildApp } from 'fauxqs';
import { z } from 'zod';

type Stores = NonNullable<BuildAppOptions['stores']>;
type Queue = ReturnType<Stores['sqsStore']['createQueue']>;

/** A message that enters a queue, with its attributes, as JSON. */
export interface SentMessage {
  queueName: string;
  message: string;
}

export interface SqsServer {
  endpoint: string;
  stop(): Promise<void>;
}

/** Most messages that one ReceiveMessage returns (Amazon SQS API reference). */
const MAX_RECEIVED = 10;

const receiveSchema = z.looseObject({ QueueUrl: z.string(), WaitTimeSeconds: z.number().optional() });

/**
 * Starts an SQS server (fauxqs, in this process) on a free port of 127.0.0.1.
 *
 * The stores are imported from inside the package, to change two things: queue URLs contain the endpoint's own host
 * (`sqs.<region>.localhost` otherwise, which not every resolver knows), and FIFO groups are delivered as by SQS. So the version
 * of the package is pinned.
 *
 * @param onMessage called with each message that enters a queue, also as a dead letter.
 * @param isShortPollEmpty whether the next short poll returns nothing. On SQS any short poll may, because it asks only some of
 *   the servers (Amazon SQS developer guide, "Short and long polling").
 */
export async function startSqsServer(
  region: string,
  onMessage: (sent: SentMessage) => void = () => undefined,
  isShortPollEmpty: () => boolean = () => false,
): Promise<SqsServer> {
  const stores = {
    sqsStore: await newStore<Stores['sqsStore']>('sqs/sqsStore.js', 'SqsStore'),
    snsStore: await newStore<Stores['snsStore']>('sns/snsStore.js', 'SnsStore'),
    s3Store: await newStore<Stores['s3Store']>('s3/s3Store.js', 'S3Store'),
  };
  const { sqsStore } = stores;
  sqsStore.host = '';
  const createQueue = sqsStore.createQueue.bind(sqsStore);
  sqsStore.createQueue = (...parameters) => {
    const queue = createQueue(...parameters);
    if (queue.isFifo()) deliverGroupsTogether(queue);
    const enqueue = queue.enqueue.bind(queue);
    queue.enqueue = (message) => {
      onMessage({ queueName: queue.name, message: JSON.stringify(message) });
      enqueue(message);
    };
    return queue;
  };
  const app = buildApp({ logger: false, defaultRegion: region, stores });
  app.addHook('preHandler', async ({ headers, body }, reply) => {
    if (headers['x-amz-target'] !== 'AmazonSQS.ReceiveMessage') return;
    const { data } = receiveSchema.safeParse(typeof body === 'string' ? JSON.parse(body) : body);
    const queue = data && sqsStore.getQueue(data.QueueUrl);
    const waitSeconds =
      data?.WaitTimeSeconds ?? Number(queue?.attributes['ReceiveMessageWaitTimeSeconds'] ?? 0);
    if (waitSeconds === 0 && isShortPollEmpty()) await reply.type('application/x-amz-json-1.0').send('{}');
  });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  return { endpoint, stop: () => app.close() };
}

async function newStore<Store>(file: string, className: string): Promise<Store> {
  const manifest = findPackageJSON('fauxqs', import.meta.url);
  if (!manifest) throw new Error('The package fauxqs is missing. Run npm ci.');
  const module: unknown = await import(pathToFileURL(join(dirname(manifest), 'dist', file)).href);
  const storeClass = z.custom<new () => Store>((value) => typeof value === 'function');
  const { [className]: StoreClass } = z.record(z.string(), storeClass).parse(module);
  if (!StoreClass)
    throw new Error(
      `fauxqs has no ${className} in ${file}: its version is not the one in package-lock.json.`,
    );
  return new StoreClass();
}

/**
 * Makes a FIFO queue of fauxqs return as many messages of one group as there are, in order, before those of the next group,
 * like SQS ("FIFO queue delivery logic", Amazon SQS developer guide). fauxqs returns one message of each group, so a consumer
 * would never receive two messages of a user in one batch. A group with messages in flight stays locked. Messages that become
 * visible again keep their order: fauxqs puts each at the front of its group, which reverses several.
 */
function deliverGroupsTogether(queue: Queue): void {
  const dequeue = queue.dequeue.bind(queue);
  const processTimers = queue.processTimers.bind(queue);
  const changeVisibility = queue.changeVisibility.bind(queue);
  let receiving = false;

  queue.dequeue = (maxCount, ...rest) => {
    const received: ReturnType<Queue['dequeue']> = [];
    const taken = new Map<string, number>();
    queue.processTimers();
    receiving = true;
    while (received.length < Math.min(maxCount, MAX_RECEIVED)) {
      const [message] = dequeue(1, ...rest);
      if (!message) break;
      received.push(message);
      const groupId = queue.inflightMessages.get(message.ReceiptHandle)?.message.messageGroupId ?? '';
      taken.set(groupId, (taken.get(groupId) ?? 0) + 1);
      queue.fifoLockedGroups.delete(groupId);
    }
    receiving = false;
    for (const [groupId, count] of taken) queue.fifoLockedGroups.set(groupId, count);
    return received;
  };

  queue.processTimers = () => {
    if (receiving) return;
    const returning = new Set<string | undefined>();
    const now = Date.now();
    for (const { message, visibilityDeadline } of queue.inflightMessages.values())
      if (visibilityDeadline <= now) returning.add(message.messageGroupId);
    processTimers();
    for (const groupId of returning) restoreOrder(queue, groupId);
  };

  queue.changeVisibility = (receiptHandle, timeoutSeconds) => {
    const groupId = queue.inflightMessages.get(receiptHandle)?.message.messageGroupId;
    changeVisibility(receiptHandle, timeoutSeconds);
    restoreOrder(queue, groupId);
  };
}

function restoreOrder(queue: Queue, groupId = ''): void {
  queue.fifoMessages.get(groupId)?.sort((a, b) => Number(a.sequenceNumber) - Number(b.sequenceNumber));
}
