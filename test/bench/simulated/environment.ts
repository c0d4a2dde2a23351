import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { quotaKeeper } from '../../../lambdas/sync-contact/quota-keeper.ts';
import { catalogSource } from '../../../shared/infusionsoft/catalog/catalog-source.ts';
import { infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { circuitBreaker } from '../../../shared/infusionsoft/http/circuit-breaker.ts';
import { pacedFetch } from '../../../shared/infusionsoft/http/paced-fetch.ts';
import { requestGate } from '../../../shared/infusionsoft/http/request-gate.ts';
import type { Invocation } from '../../../shared/invocation.ts';
import { BATCH_SIZE } from '../../../shared/quota/pace.ts';
import { rateLimiter } from '../../../shared/quota/rate-limiter.ts';
import { type Budget, marginOf } from '../../../shared/quota/remaining-quota.ts';
import { backoffMs, INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import type { SlotSchedule } from '../../../shared/quota/slots.ts';
import type { PostponedStore } from '../../../shared/store/postponed-store.ts';
import type { SyncTable } from '../../../shared/store/sync-table.ts';
import { messageGroupOf } from '../../../shared/sync/message.ts';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { consumerOf } from '../../support/consumer-under-test.ts';
import type { memoryUserTable } from '../../support/crm-under-test.ts';
import type { FifoQueue } from './fifo-queue.ts';

export interface EnvironmentOptions {
  name: string;
  crmUrl: string;
  queue: FifoQueue;
  users: ReturnType<typeof memoryUserTable>;
  table: SyncTable;
  postponed: PostponedStore;
  mapping: Mapping;
  schedule: SlotSchedule;
  budget: Budget;
}

/** From the queue to the first line of the handler, and from its last to the next receive, in milliseconds: assumed. */
const INVOKE_MS = 15;
const SETTLE_MS = 10;
const HEADER: ['x-keap-api-key', string] = ['x-keap-api-key', DEFAULT_TOKEN];

/** One environment of sync-contact with the poller that feeds it, until the queue stops: the modules of its handler, put together as it does. */
export async function runEnvironment(options: EnvironmentOptions): Promise<void> {
  const { name, crmUrl, queue, users, table, postponed, mapping, schedule, budget } = options;
  const logger = new Logger({ logLevel: 'SILENT' });
  let invocation: Invocation = { environment: name, number: 0, endsAt: 0 };
  const gate = requestGate(marginOf(budget.limits));
  const client = infusionsoftClient({
    url: crmUrl,
    fetch: pacedFetch({
      rateLimiter: rateLimiter({ schedule, store: table.slots }),
      credentials: { current: async () => HEADER, cached: () => HEADER, renew: async () => undefined },
      gate,
      breaker: circuitBreaker(),
      deadline: () => invocation.endsAt,
      onRequest: () => {},
    }),
  });
  const consumer = consumerOf(
    {
      client,
      table,
      mapping,
      catalog: catalogSource({ table, client, mapping, invocation: () => invocation }),
    },
    users,
    {
      now: Date.now,
      postponed,
      atOnce: schedule.burst,
      quota: quotaKeeper({ store: table.ledger, gate, budget, logger, now: Date.now }),
      queue: {
        async postpone(records, error) {
          const receives = Math.max(
            ...records.map(({ attributes }) => Number(attributes.ApproximateReceiveCount)),
          );
          queue.hide(records, backoffMs(receives, error, Math.random()));
        },
        async reject(_, error) {
          throw error;
        },
        async lookAgain(messages) {
          for (const message of messages) queue.send(messageGroupOf(message.userId), JSON.stringify(message));
        },
      },
    },
  );
  for (;;) {
    const records = await queue.receive(BATCH_SIZE);
    if (records.length === 0) return;
    await sleep(INVOKE_MS);
    invocation = {
      ...invocation,
      number: invocation.number + 1,
      endsAt: Date.now() + INVOCATION_MS,
    };
    const failed = new Set(await consumer.receive(...records));
    await sleep(SETTLE_MS);
    queue.settle(records, failed);
  }
}
