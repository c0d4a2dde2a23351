import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildAppOptions, buildApp } from 'fauxqs';
import { z } from 'zod';
import { deliverGroupsTogether } from './fifo-groups.ts';

type Stores = NonNullable<BuildAppOptions['stores']>;

/** A message as it enters a queue, its attributes too, as JSON. */
export interface SentMessage {
  queueName: string;
  message: string;
}

const receiveSchema = z.looseObject({ QueueUrl: z.string(), WaitTimeSeconds: z.number().optional() });

export interface SqsServer {
  endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts an SQS server (fauxqs, in this process) on a free port of 127.0.0.1.
 *
 * Its stores come from below the package's front door: only so can its queue URLs have the endpoint's own host (they
 * name `sqs.<region>.localhost` otherwise, which not every resolver knows) and its FIFO groups be delivered as SQS does.
 *
 * @param onMessage called with every message that enters a queue, also when it becomes a dead letter.
 * @param missesShortPoll whether the next short poll comes back empty. On SQS any can, since it asks only some of the servers
 *   (Amazon SQS developer guide, "Short and long polling").
 */
export async function startSqsServer(
  region: string,
  onMessage: (sent: SentMessage) => void = () => undefined,
  missesShortPoll: () => boolean = () => false,
): Promise<SqsServer> {
  const stores = {
    sqsStore: await newStore<Stores['sqsStore']>('sqs/sqsStore.js', 'SqsStore'),
    snsStore: await newStore<Stores['snsStore']>('sns/snsStore.js', 'SnsStore'),
    s3Store: await newStore<Stores['s3Store']>('s3/s3Store.js', 'S3Store'),
  };
  const { sqsStore } = stores;
  sqsStore.host = '';
  const getQueue = sqsStore.getQueue.bind(sqsStore);
  // A queue has one name, and as many URLs as ways lead to this server.
  sqsStore.getQueue = (url) => getQueue(url) ?? sqsStore.getQueueByName(url.split('/').at(-1) ?? '');
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
    if (waitSeconds === 0 && missesShortPoll()) await reply.type('application/x-amz-json-1.0').send('{}');
  });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  return { endpoint, stop: () => app.close() };
}

async function newStore<Store>(file: string, className: string): Promise<Store> {
  const manifest = findPackageJSON('fauxqs', import.meta.url);
  if (!manifest) throw new Error('The package fauxqs is not there. Run npm ci.');
  const module: unknown = await import(pathToFileURL(join(dirname(manifest), 'dist', file)).href);
  const storeClass = z.custom<new () => Store>((value) => typeof value === 'function');
  const { [className]: StoreClass } = z.record(z.string(), storeClass).parse(module);
  if (!StoreClass)
    throw new Error(
      `fauxqs has no ${className} in ${file}: its version is not the one in package-lock.json.`,
    );
  return new StoreClass();
}
