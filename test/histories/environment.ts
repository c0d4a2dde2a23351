import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { type Consumer, type ConsumerPorts, createConsumer } from '../../lambdas/sync-contact/consumer.ts';
import type { FailureQueue } from '../../lambdas/sync-contact/failure-queue.ts';
import { infusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { INVOCATION_MS } from '../../shared/quota/retry-policy.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { BUDGET } from '../support/consumer-under-test.ts';
import { memoryPostponedStore, memorySyncTable } from '../support/crm-under-test.ts';
import { CRM_URL, type Crm } from './crm.ts';
import type { Life, Simulation } from './simulation.ts';

/** What the environments of a history share. */
export interface SharedPorts {
  users: ConsumerPorts['users'];
  claimStore: ConsumerPorts['claimStore'];
  erasureRecords: ConsumerPorts['erasureRecords'];
  queue: FailureQueue;
  /** Claims that are recorded, and retirements that are not finished. */
  table: Pick<
    ConsumerPorts['table'],
    'readClaimIndex' | 'writeClaimIndex' | 'readRetirement' | 'writeRetirement' | 'deleteRetirement'
  >;
}

export interface EnvironmentOptions {
  simulation: Simulation;
  crm: Crm;
  ports: SharedPorts;
  /** Called with each error that no rejection and no retry explains. */
  onBug: (error: unknown) => void;
}

/** Assumed time of a request to DynamoDB or SQS, in one direction, in milliseconds. */
const CLOUD_MS = 4;

/** One environment of sync-contact. It can die at any call, before or after the call's effect: then the call never returns. */
export class Environment {
  readonly life: Life = { isAlive: true };
  /** The messages of the running invocation. */
  running: readonly SQSRecord[] | undefined;
  #endsAt = 0;
  readonly #simulation: Simulation;
  readonly #consumer: Consumer;

  constructor({ simulation, crm, ports, onBug }: EnvironmentOptions) {
    this.#simulation = simulation;
    const { life } = this;
    const { users, claimStore, erasureRecords, queue, table } = ports;
    const overNetwork = <Port extends object>(port: Port): Port =>
      withPauses(port, () => simulation.wait(CLOUD_MS * (0.5 + simulation.random()), life));
    const shared = overNetwork(table);
    this.#consumer = createConsumer({
      connect: () =>
        infusionsoftClient({
          url: CRM_URL,
          fetch: crm.fetchFor(life, () => this.#endsAt),
          now: () => simulation.now,
        }),
      users: overNetwork(users),
      claimStore: overNetwork(claimStore),
      erasureRecords: overNetwork(erasureRecords),
      queue: overNetwork(queue),
      // Quota, progress and postponed groups have no part in a history, so each environment has its own.
      table: {
        ...memorySyncTable(),
        readClaimIndex: shared.readClaimIndex,
        writeClaimIndex: shared.writeClaimIndex,
        readRetirement: shared.readRetirement,
        writeRetirement: shared.writeRetirement,
        deleteRetirement: shared.deleteRetirement,
      },
      postponed: memoryPostponedStore(),
      catalog: crm.catalog,
      metrics: { countOutcome() {}, countChange() {}, recordLag() {}, recordRequest() {} },
      logger: bugLogger(onBug),
      mapping,
      settings: {
        budget: BUDGET,
        tagBatch: 100,
        maxConcurrentTagRequests: 25,
        deletionPolicy: 'mark',
        forgetPolicy: 'delete',
      },
      now: () => simulation.now,
    });
  }

  /** Runs one invocation. @returns ids of the messages that stay in the queue. Never settles if the environment dies. */
  async invoke(records: readonly SQSRecord[]): Promise<ReadonlySet<string>> {
    this.running = records;
    this.#endsAt = this.#simulation.now + INVOCATION_MS;
    const { batchItemFailures } = await this.#consumer.processBatch(records, this.#endsAt);
    this.running = undefined;
    return new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  }
}

/** A port whose calls take time before and after their effect. */
function withPauses<Port extends object>(port: Port, pause: () => Promise<void>): Port {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        await pause();
        const result: unknown = await member.apply(target, args);
        await pause();
        return result;
      };
    },
  });
}

function bugLogger(onBug: (error: unknown) => void): Logger {
  const logger = new Logger({ logLevel: 'SILENT' });
  logger.error = (_, ...[details]) => {
    if (typeof details === 'object' && 'error' in details) onBug(details['error']);
  };
  return logger;
}
