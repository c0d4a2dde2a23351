import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { createConsumer } from '../../../lambdas/sync-contact/consumer.ts';
import { pacedClient } from '../../../lambdas/sync-contact/paced-client.ts';
import { BATCH_SIZE } from '../../../shared/quota/pace.ts';
import { rateLimiter } from '../../../shared/quota/rate-limiter.ts';
import type { Budget } from '../../../shared/quota/remaining-quota.ts';
import { backoffMs, INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import type { SlotSchedule } from '../../../shared/quota/slots.ts';
import type { ClaimStore } from '../../../shared/store/claim-store.ts';
import type { PostponedStore } from '../../../shared/store/postponed-store.ts';
import type { SyncTable } from '../../../shared/store/sync-table.ts';
import type { UserTable } from '../../../shared/store/user-table.ts';
import { messageGroupOf } from '../../../shared/sync/message.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { memoryErasureRecordStore } from '../../support/crm-under-test.ts';
import type { WaitingQueue } from './waiting-queue.ts';

export interface EnvironmentOptions {
  crmUrl: string;
  queue: WaitingQueue;
  users: UserTable;
  table: SyncTable;
  claimStore: ClaimStore;
  postponed: PostponedStore;
  mapping: Mapping;
  schedule: SlotSchedule;
  budget: Budget;
  tagBatch: number;
}

/** Assumed time from the queue to the handler, and from the handler to the next receive, in milliseconds. */
const INVOKE_MS = 15;
const SETTLE_MS = 10;
const HEADER: ['x-keap-api-key', string] = ['x-keap-api-key', DEFAULT_TOKEN];

/** Runs one environment of sync-contact with its poller until the queue stops. */
export async function runEnvironment(options: EnvironmentOptions): Promise<void> {
  const { crmUrl, queue, users, table, claimStore, postponed, mapping, schedule, budget, tagBatch } = options;
  const consumer = createConsumer({
    connect: pacedClient({
      url: crmUrl,
      credentials: { current: async () => HEADER, cached: () => HEADER, renew: async () => undefined },
      rateLimiter: rateLimiter({ schedule, store: table.slots }),
    }),
    users,
    table,
    claimStore,
    erasureRecords: memoryErasureRecordStore(),
    postponed,
    queue: {
      async scheduleRetry(records, error) {
        const receives = Math.max(
          ...records.map(({ attributes }) => Number(attributes.ApproximateReceiveCount)),
        );
        queue.hide(records, backoffMs(receives, error, Math.random()));
      },
      async reject(_, error) {
        throw error;
      },
      async requeue(messages) {
        for (const message of messages) queue.send(messageGroupOf(message.userId), JSON.stringify(message));
      },
    },
    metrics: {
      countOutcome: () => {},
      countChange: () => {},
      recordLag: () => {},
      recordRequest: () => {},
    },
    logger: new Logger({ logLevel: 'SILENT' }),
    mapping,
    settings: {
      budget,
      tagBatch,
      maxConcurrentTagRequests: schedule.burst,
      deletionPolicy: 'mark',
      forgetPolicy: 'delete',
    },
    now: Date.now,
  });
  for (;;) {
    const records = await queue.receive(BATCH_SIZE);
    if (records.length === 0) return;
    await sleep(INVOKE_MS);
    const { batchItemFailures } = await consumer.processBatch(records, Date.now() + INVOCATION_MS);
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    await sleep(SETTLE_MS);
    queue.settle(records, failed);
  }
}
