import type { BackfillMessage } from '../../lambdas/backfill/messages.ts';
import type { BackfillPorts } from '../../lambdas/backfill/ports.ts';
import type { Catalog } from '../../shared/infusionsoft/catalog/catalog.ts';
import { emptyLedger, ledgerAt } from '../../shared/quota/ledger.ts';
import { type Budget, remainingQuota } from '../../shared/quota/remaining-quota.ts';
import type { RunLock, RunLocks } from '../../shared/store/run-lock.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import { catalogOf, synced } from './backfill-users.ts';

/** A clock that a test sets. Epoch milliseconds. */
export interface JumpingClock {
  now: number;
}

export interface MemoryPorts extends BackfillPorts {
  /** The first 100,000 messages that were sent, in order. */
  sent: BackfillMessage[];
  started: { name: string; input: unknown }[];
  running: Set<string>;
  /** Messages in the queue at its last use. */
  waiting(): number;
  /** Users who keep failing, with the reason that is recorded for them, if any. */
  failing: Map<string, string | undefined>;
  /** Users whom the CRM refuses for good, with the reason. */
  refused: Map<string, string>;
  /** Users who were deleted in the app. */
  deleted: Set<string>;
}

interface MemoryPortsOptions {
  requestsPerSecond: number;
  /** Requests for one tag job. */
  requestsPerTagging?: number;
  budget: Budget;
  mapping?: Mapping;
  /** The catalog before the first message is processed, after which it is complete. */
  catalog?: Catalog;
}

const PAGE = 500;
const KEPT = 100_000;
/** What the consumer has done with a user. */
const [HAS_CONTACT, IS_SYNCED, IS_REFUSED] = [1, 2, 3];

/**
 * The ports of a backfill in memory. Its queue is processed at a steady rate of requests a second while the backfill's part of the quota
 * lasts. Users are created when they are read, so that millions need no memory; their ids are their indices.
 */
export function memoryPorts(
  clock: JumpingClock,
  users: { count: number; at(index: number): User },
  {
    requestsPerSecond,
    requestsPerTagging = 15,
    budget,
    mapping = defaultMapping,
    ...known
  }: MemoryPortsOptions,
): MemoryPorts {
  const sent: BackfillMessage[] = [];
  const started: MemoryPorts['started'] = [];
  const running = new Set<string>();
  const failing: MemoryPorts['failing'] = new Map();
  const refused: MemoryPorts['refused'] = new Map();
  const deleted: MemoryPorts['deleted'] = new Set();
  const progress = new Uint8Array(users.count);
  const complete = catalogOf(mapping);
  let { catalog } = known;
  let ledger = emptyLedger(clock.now);
  /** Messages in the queue, oldest first, and the requests that each still costs. */
  let queue: { message: BackfillMessage; cost: number }[] = [];
  let processedAt = clock.now;
  /** Messages about users who keep failing. */
  const hidden: BackfillMessage[] = [];

  const userAt = (index: number): User => {
    const user = users.at(index);
    if (progress[index] === 0) return user;
    if (progress[index] === IS_REFUSED) {
      const reason = refused.get(user.userId) ?? '';
      return {
        ...user,
        crm: { ...user.crm, rejection: { reason, errorId: 'e', at: new Date(clock.now).toISOString() } },
      };
    }
    const upToDate = synced(user, clock.now, mapping, complete);
    if (progress[index] === IS_SYNCED) return upToDate;
    const { tagIds: _, ...crm } = upToDate.crm ?? {};
    return { ...upToDate, crm };
  };
  const isNew = (userId: string) => userAt(Number(userId)).crm?.contactId === undefined;
  const costOf = (message: BackfillMessage): number => {
    if (message.kind === 'tag-users') return requestsPerTagging;
    return isNew(message.userId) ? 1 : 2;
  };
  const process = (message: BackfillMessage) => {
    catalog = complete;
    if (message.kind === 'user' && refused.has(message.userId)) progress[Number(message.userId)] = IS_REFUSED;
    else if (message.kind === 'user')
      progress[Number(message.userId)] = isNew(message.userId) ? HAS_CONTACT : IS_SYNCED;
    else for (const userId of message.userIds) if (!failing.has(userId)) progress[Number(userId)] = IS_SYNCED;
  };
  const isFailing = (message: BackfillMessage) => message.kind === 'user' && failing.has(message.userId);
  const enqueue = (messages: readonly BackfillMessage[]) => {
    hidden.push(...messages.filter(isFailing));
    queue.push(
      ...messages.filter((each) => !isFailing(each)).map((message) => ({ message, cost: costOf(message) })),
    );
  };
  const processQueue = () => {
    if (hidden.length > 0) enqueue(hidden.splice(0));
    ledger = ledgerAt(ledger, clock.now);
    const left = Math.min(...remainingQuota(ledger, budget).map(({ leftForBackfill }) => leftForBackfill));
    let requests = Math.min(left, ((clock.now - processedAt) / 1000) * requestsPerSecond);
    processedAt = clock.now;
    let done = 0;
    for (const each of queue) {
      const spent = Math.min(each.cost, requests);
      requests -= spent;
      ledger.day.used += spent;
      ledger.month.used += spent;
      each.cost -= spent;
      if (each.cost > 0) break;
      process(each.message);
      done++;
    }
    queue = queue.slice(done);
  };
  return {
    sent,
    started,
    running,
    failing,
    refused,
    deleted,
    waiting: () => queue.length,
    usersAfter: async (cursor) => {
      processQueue();
      const from = cursor === null ? 0 : Number(cursor) + 1;
      const to = Math.min(from + PAGE, users.count);
      return {
        users: Array.from({ length: to - from }, (_, index) => userAt(from + index)),
        finished: to === users.count,
      };
    },
    users: async (userIds) => {
      processQueue();
      return userIds.filter((userId) => !deleted.has(userId)).map((userId) => userAt(Number(userId)));
    },
    countUsers: async () => users.count,
    catalog: async () => catalog,
    send: async (messages) => {
      processQueue();
      enqueue(messages);
      if (sent.length < KEPT) sent.push(...messages);
    },
    postponed: {
      read: async (groups) =>
        new Map(
          groups.flatMap((group) => {
            const reason = failing.get(group);
            return reason === undefined
              ? []
              : [[group, { reason, at: new Date(clock.now).toISOString() }] as const];
          }),
        ),
    },
    ledger: async () => {
      processQueue();
      // The real ledger counts a request when it starts.
      const counted = structuredClone(ledger);
      for (const window of [counted.day, counted.month]) window.used = Math.ceil(window.used);
      return counted;
    },
    locks: memoryLocks(),
    isRunning: async (executionArn) => running.has(executionArn),
    startExecution: async (name, input) => {
      started.push({ name, input });
      return `arn:execution:${name}`;
    },
    onFailure: () => {},
    sleep: async (ms) => {
      clock.now += ms;
    },
    now: () => clock.now,
  };
}

/** Locks in memory, with the conditions of the real ones. */
export function memoryLocks(): RunLocks {
  const locks = new Map<string, RunLock>();
  return {
    read: async (mode) => locks.get(mode),
    take: async (mode, lock, previous) => {
      if (locks.get(mode)?.executionArn !== previous?.executionArn) return false;
      locks.set(mode, lock);
      return true;
    },
    release: async (mode, runId) => {
      if (locks.get(mode)?.runId === runId) locks.delete(mode);
    },
  };
}
