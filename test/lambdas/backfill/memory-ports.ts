import type { BackfillPorts, FedMessage, RunOwner } from '../../../lambdas/backfill/ports.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog.ts';
import { emptyLedger, ledgerAt } from '../../../shared/quota/ledger.ts';
import { type Budget, leftOf } from '../../../shared/quota/standing.ts';
import type { User } from '../../../shared/user/user.ts';

/** A clock that goes only when it is told to. Epoch milliseconds. */
export interface JumpingClock {
  now: number;
}

export interface MemoryPorts extends BackfillPorts {
  /** Messages that were sent, in order: the first 100,000. */
  sent: FedMessage[];
  started: { name: string; input: unknown }[];
  running: Set<string>;
}

interface MemoryPortsOptions {
  requestsPerSecond: number;
  /** Requests that a message about the tags of many users costs. */
  requestsPerTagging?: number;
  budget: Budget;
  catalog?: Catalog;
}

const PAGE = 500;
const KEPT = 100_000;

/**
 * What a backfill reads and writes, in memory: a queue that drains at a steady rate of requests a second while the backfill's part
 * of the quota lasts, and users that are made as they are read, so that millions need no memory.
 */
export function memoryPorts(
  clock: JumpingClock,
  users: { count: number; at(index: number): User },
  { requestsPerSecond, requestsPerTagging = 15, budget, catalog }: MemoryPortsOptions,
): MemoryPorts {
  const costOf = (message: FedMessage): number => {
    if (message.kind === 'tag-users') return requestsPerTagging;
    return message.tagsLater ? 1 : 2;
  };
  const sent: FedMessage[] = [];
  const started: MemoryPorts['started'] = [];
  const running = new Set<string>();
  let ledger = emptyLedger(clock.now);
  let owner: RunOwner | undefined;
  /** Requests that each waiting message still costs, oldest first. */
  let queue: number[] = [];
  let drainedAt = clock.now;
  const drain = () => {
    ledger = ledgerAt(ledger, clock.now);
    const left = Math.min(...leftOf(ledger, budget).map(({ leftForBackfill }) => leftForBackfill));
    let requests = Math.min(left, ((clock.now - drainedAt) / 1000) * requestsPerSecond);
    drainedAt = clock.now;
    let done = 0;
    for (const [index, cost] of queue.entries()) {
      const spent = Math.min(cost, requests);
      requests -= spent;
      ledger.day.used += spent;
      ledger.month.used += spent;
      queue[index] = cost - spent;
      if (spent < cost) break;
      done++;
    }
    queue = queue.slice(done);
  };
  return {
    sent,
    started,
    running,
    usersAfter: async (cursor) => {
      const from = cursor === null ? 0 : Number(cursor) + 1;
      const to = Math.min(from + PAGE, users.count);
      return {
        users: Array.from({ length: to - from }, (_, index) => users.at(from + index)),
        finished: to === users.count,
      };
    },
    countUsers: async () => users.count,
    catalog: async () => catalog,
    backlog: async () => {
      drain();
      return queue.length;
    },
    send: async (messages) => {
      drain();
      queue.push(...messages.map(costOf));
      if (sent.length < KEPT) sent.push(...messages);
    },
    ledger: async () => {
      drain();
      return structuredClone(ledger);
    },
    owner: async () => owner,
    own: async (next, previous) => {
      if (owner?.executionArn !== previous?.executionArn) return false;
      owner = next;
      return true;
    },
    disown: async ({ runId }) => {
      if (owner?.runId === runId) owner = undefined;
    },
    isRunning: async (executionArn) => running.has(executionArn),
    startExecution: async (name, input) => {
      started.push({ name, input });
      return `arn:execution:${name}`;
    },
    now: () => clock.now,
  };
}
