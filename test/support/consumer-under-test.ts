import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import type { FailureQueue } from '../../lambdas/sync-contact/failure-queue.ts';
import { processBatch } from '../../lambdas/sync-contact/process-batch.ts';
import type { ProgressKeeper } from '../../lambdas/sync-contact/progress-keeper.ts';
import type { QuotaKeeper } from '../../lambdas/sync-contact/quota-keeper.ts';
import type { DeletionPolicy, ForgetPolicy } from '../../lambdas/sync-contact/settings.ts';
import { claims } from '../../shared/contacts/claims.ts';
import { companies } from '../../shared/contacts/companies.ts';
import { tagRequests } from '../../shared/contacts/tag-requests.ts';
import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { type RequestJournal, requestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import type { ClaimStore } from '../../shared/store/claim-store.ts';
import type { PostponedStore } from '../../shared/store/postponed-store.ts';
import type { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { Message, UserMessage } from '../../shared/sync/message.ts';
import {
  invocationOf,
  memoryClaimStore,
  memoryErasureRecordStore,
  memoryPostponedStore,
  type memoryUserTable,
  type startCrm,
} from './crm-under-test.ts';

export const NOW = Date.parse('2026-06-15T12:00:00Z');

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

export const plentyOfQuota: QuotaKeeper = {
  open: async () => ({ pause: undefined, backfillPausedUntil: undefined }),
  close: async () => {},
};

const noProgress: ProgressKeeper = { done: () => {}, failed: () => {}, close: async () => {} };

/** Consumers of the same users share their claims. */
const stores = new WeakMap<object, ClaimStore>();
function claimsOf(users: object): ClaimStore {
  const store = stores.get(users) ?? memoryClaimStore();
  stores.set(users, store);
  return store;
}

let environments = 0;

export interface ConsumerOptions {
  client?: InfusionsoftClient;
  deletionPolicy?: DeletionPolicy;
  forgetPolicy?: ForgetPolicy;
  now?: () => number;
  quota?: QuotaKeeper;
  tagBatch?: number;
  progress?: ProgressKeeper;
  /** By which a test's own client can note its requests. */
  journal?: RequestJournal;
  lag?: (ms: number) => void;
  /** Requests of a tag job that are made at the same time. */
  atOnce?: number;
  postponed?: Pick<PostponedStore, 'record' | 'clear'>;
  /** When an invocation ends that runs at a moment, in epoch milliseconds; left out: as that of the deployed function. */
  endsAt?: () => number;
  /** Left out: what is postponed or rejected is only noted. */
  queue?: FailureQueue;
}

/** One environment of sync-contact, with its queue in memory. */
export function consumerOf(
  crm: Pick<Awaited<ReturnType<typeof startCrm>>, 'client' | 'table' | 'catalog' | 'mapping'>,
  users: ReturnType<typeof memoryUserTable>,
  {
    client = crm.client,
    deletionPolicy = 'mark',
    forgetPolicy = 'delete',
    now = () => NOW,
    quota = plentyOfQuota,
    tagBatch = 100,
    progress = noProgress,
    journal = requestJournal(),
    lag = () => {},
    atOnce = 25,
    postponed: postponedStore = memoryPostponedStore(),
    endsAt,
    queue: ownQueue,
  }: ConsumerOptions = {},
) {
  const { mapping } = crm;
  environments++;
  const name = `environment ${environments}`;
  let invocations = 0;
  const invocation = () => {
    const running = invocationOf(name, invocations, now());
    return endsAt ? { ...running, endsAt: endsAt() } : running;
  };
  const environment = { client, table: crm.table, invocation, now };
  const rejected: { record: SQSRecord; error: RejectedError }[] = [];
  const postponed: { records: readonly SQSRecord[]; error: RetryableError }[] = [];
  const again: UserMessage[] = [];
  const outcomes: string[] = [];
  const tags = tagRequests(client, { batch: tagBatch, atOnce });
  const changes: string[] = [];
  const erasureRecords = memoryErasureRecordStore();
  const queue: FailureQueue = ownQueue ?? {
    postpone: async (records, error) => void postponed.push({ records, error }),
    reject: async (record, error) => void rejected.push({ record, error }),
    lookAgain: async (messages) => void again.push(...messages),
  };
  const receive = async (...records: SQSRecord[]) => {
    invocations++;
    const { batchItemFailures } = await processBatch(records, {
      client,
      catalog: crm.catalog,
      table: crm.table,
      users: users.table,
      claims: claims({ store: claimsOf(users), users: users.table, mapping, invocation, now }),
      companies: companies(environment),
      mapping,
      deletionPolicy,
      forgetPolicy,
      erasureRecords,
      now,
      logger: new Logger({ logLevel: 'SILENT' }),
      count: (outcome) => outcomes.push(outcome),
      did: (change) => changes.push(change),
      lag,
      queue,
      postponed: postponedStore,
      quota,
      progress,
      journal,
      tags,
      tagBatch,
      invocation,
    });
    return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  };
  return { receive, erasureRecords, rejected, postponed, again, outcomes, changes, queue };
}
