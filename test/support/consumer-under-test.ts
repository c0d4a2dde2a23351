import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { type ConsumerPorts, createConsumer } from '../../lambdas/sync-contact/consumer.ts';
import type { FailureQueue } from '../../lambdas/sync-contact/failure-queue.ts';
import type { ForgetPolicy } from '../../shared/contacts/erase-contact.ts';
import type { DeletionPolicy } from '../../shared/contacts/retire-contact.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { PRESETS } from '../../shared/quota/limits.ts';
import type { Budget } from '../../shared/quota/remaining-quota.ts';
import { INVOCATION_MS } from '../../shared/quota/retry-policy.ts';
import type { ClaimStore } from '../../shared/store/claim-store.ts';
import type { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { Message, UserMessage } from '../../shared/sync/message.ts';
import {
  memoryClaimStore,
  memoryErasureRecordStore,
  memoryPostponedStore,
  type memoryUserTable,
  type startCrm,
} from './crm-under-test.ts';

export const NOW = Date.parse('2026-06-15T12:00:00Z');
export const BUDGET: Budget = { limits: PRESETS.team, liveReserve: 0.2 };

let delivered = 0;
/** A message as the queue delivers it. */
export function record(
  body: Message | string,
  group = 'userId' in (body as object) ? (body as { userId: string }).userId : 'x',
) {
  delivered++;
  return {
    messageId: `m${delivered}`,
    receiptHandle: `r${delivered}`,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    attributes: { MessageGroupId: group, ApproximateReceiveCount: '1' },
  } as SQSRecord;
}

/** Consumers of the same users share their claims. */
const claimStores = new WeakMap<object, ClaimStore>();
function claimStoreOf(users: object): ClaimStore {
  const store = claimStores.get(users) ?? memoryClaimStore();
  claimStores.set(users, store);
  return store;
}

type Crm = Awaited<ReturnType<typeof startCrm>>;

export interface ConsumerOptions {
  /** In place of the client of the CRM, to inject faults. */
  client?: InfusionsoftClient;
  /** For a client that reports its requests to the consumer, as that of the function does. */
  connect?: ConsumerPorts['connect'];
  deletionPolicy?: DeletionPolicy;
  forgetPolicy?: ForgetPolicy;
  /** Epoch milliseconds. */
  now?: () => number;
  budget?: Budget;
  tagBatch?: number;
  maxConcurrentTagRequests?: number;
  postponed?: ConsumerPorts['postponed'];
  /** When an invocation that begins now ends, in epoch milliseconds. */
  endsAt?: () => number;
  /** In place of the queue whose retries, rejections and new messages are in the result. */
  queue?: FailureQueue;
  logger?: Logger;
  events?: ConsumerPorts['events'];
  recordLag?: (ms: number) => void;
}

/**
 * One environment of sync-contact, with the stores and the queue in memory.
 *
 * @param crm without a catalog, the consumer reads its own.
 */
export function consumerOf(
  crm: Pick<Crm, 'client' | 'table' | 'mapping'> & Partial<Pick<Crm, 'catalog'>>,
  users: ReturnType<typeof memoryUserTable>,
  {
    client = crm.client,
    connect = () => client,
    deletionPolicy = 'mark',
    forgetPolicy = 'delete',
    now = () => NOW,
    budget = BUDGET,
    tagBatch = 100,
    maxConcurrentTagRequests = 25,
    postponed = memoryPostponedStore(),
    endsAt = () => now() + INVOCATION_MS,
    queue: ownQueue,
    logger = new Logger({ logLevel: 'SILENT' }),
    events,
    recordLag = () => {},
  }: ConsumerOptions = {},
) {
  const rejected: { record: SQSRecord; error: RejectedError }[] = [];
  const retries: { records: readonly SQSRecord[]; error: RetryableError }[] = [];
  const requeued: UserMessage[] = [];
  const outcomes: string[] = [];
  const changes: string[] = [];
  const requests: (number | undefined)[] = [];
  const erasureRecords = memoryErasureRecordStore();
  const queue: FailureQueue = ownQueue ?? {
    scheduleRetry: async (records, error) => void retries.push({ records, error }),
    reject: async (record, error) => void rejected.push({ record, error }),
    requeue: async (messages) => void requeued.push(...messages),
  };
  const consumer = createConsumer({
    connect,
    users: users.table,
    table: crm.table,
    claimStore: claimStoreOf(users),
    erasureRecords,
    postponed,
    queue,
    metrics: {
      countOutcome: (outcome) => void outcomes.push(outcome),
      countChange: (change) => void changes.push(change),
      recordLag,
      recordRequest: (request) => void requests.push(request.status),
    },
    logger,
    mapping: crm.mapping,
    settings: { budget, tagBatch, maxConcurrentTagRequests, deletionPolicy, forgetPolicy },
    now,
    events,
    ...(crm.catalog && { catalog: crm.catalog }),
  });
  /** @returns ids of the messages that stay in the queue. */
  const receive = async (...records: SQSRecord[]): Promise<string[]> => {
    const { batchItemFailures } = await consumer.processBatch(records, endsAt());
    return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  };
  return { receive, erasureRecords, rejected, retries, requeued, outcomes, changes, requests, queue };
}
