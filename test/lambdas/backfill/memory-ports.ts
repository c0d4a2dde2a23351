import type { BackfillPorts, RunOwner } from '../../../lambdas/backfill/ports.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog.ts';
import { emptyLedger, ledgerAt } from '../../../shared/quota/ledger.ts';
import { type Budget, leftOf } from '../../../shared/quota/standing.ts';
import type { UserMessage } from '../../../shared/sync/message.ts';
import type { User } from '../../../shared/user/user.ts';

/** A clock that goes only when it is told to. Epoch milliseconds. */
export interface JumpingClock {
  now: number;
}

export interface MemoryPorts extends BackfillPorts {
  /** Messages that were sent, in order: the first 100,000. */
  sent: UserMessage[];
  started: { name: string; input: unknown }[];
  running: Set<string>;
}

const PAGE = 500;
const KEPT = 100_000;
/** What each user costs the consumer. */
const REQUESTS = 2;

/**
 * What a backfill reads and writes, in memory: a queue that drains at a steady rate of users a second while the backfill's part
 * of the quota lasts, and users that are made as they are read, so that millions need no memory.
 */
export function memoryPorts(
  clock: JumpingClock,
  users: { count: number; at(index: number): User },
  { usersPerSecond, budget, catalog }: { usersPerSecond: number; budget: Budget; catalog?: Catalog },
): MemoryPorts {
  const sent: UserMessage[] = [];
  const started: MemoryPorts['started'] = [];
  const running = new Set<string>();
  let ledger = emptyLedger(clock.now);
  let owner: RunOwner | undefined;
  let queued = 0;
  let drainedAt = clock.now;
  const drain = () => {
    ledger = ledgerAt(ledger, clock.now);
    const left = Math.min(...leftOf(ledger, budget).map(({ leftForBackfill }) => leftForBackfill));
    const users = Math.min(queued, left / REQUESTS, ((clock.now - drainedAt) / 1000) * usersPerSecond);
    queued -= users;
    ledger.day.used += users * REQUESTS;
    ledger.month.used += users * REQUESTS;
    drainedAt = clock.now;
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
      return Math.ceil(queued);
    },
    send: async (messages) => {
      drain();
      queued += messages.length;
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
