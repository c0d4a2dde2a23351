import type { BackfillPorts, RunOwner } from '../../../lambdas/backfill/ports.ts';
import type { Catalog } from '../../../shared/infusionsoft/catalog.ts';
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

/**
 * What a backfill reads and writes, in memory: a queue that drains at a steady rate of users a second, and users that are made
 * as they are read, so that millions need no memory.
 */
export function memoryPorts(
  clock: JumpingClock,
  users: { count: number; at(index: number): User },
  { usersPerSecond, catalog }: { usersPerSecond: number; catalog?: Catalog },
): MemoryPorts {
  const sent: UserMessage[] = [];
  const started: MemoryPorts['started'] = [];
  const running = new Set<string>();
  const spent = new Map<string, number>();
  let owner: RunOwner | undefined;
  let queued = 0;
  let drainedAt = clock.now;
  const drain = () => {
    queued = Math.max(0, queued - ((clock.now - drainedAt) / 1000) * usersPerSecond);
    drainedAt = clock.now;
  };
  const add = (period: string, requests: number) => {
    spent.set(period, (spent.get(period) ?? 0) + requests);
    return spent.get(period) ?? 0;
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
    spend: async (requests, now) => {
      const date = new Date(now).toISOString();
      return { day: add(date.slice(0, 10), requests), month: add(date.slice(0, 7), requests) };
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
