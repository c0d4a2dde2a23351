import type { BackfillPorts, FedMessage } from '../../lambdas/backfill/ports.ts';
import type { Catalog } from '../../shared/infusionsoft/catalog/catalog.ts';
import { emptyLedger, ledgerAt } from '../../shared/quota/ledger.ts';
import { type Budget, remainingQuota } from '../../shared/quota/remaining-quota.ts';
import type { RunLock, RunLocks } from '../../shared/store/run-lock.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import { catalogOf, synced } from './backfill-users.ts';

/** A clock that goes only when it is told to. Epoch milliseconds. */
export interface JumpingClock {
  now: number;
}

export interface MemoryPorts extends BackfillPorts {
  /** Messages that were sent, in order: the first 100,000. */
  sent: FedMessage[];
  started: { name: string; input: unknown }[];
  running: Set<string>;
  /** Messages in the queue, when it was last looked at. */
  waiting(): number;
  /** Users who fail again and again, and why; without a reason, nothing is ever heard of them. */
  stuck: Map<string, string | undefined>;
  /** Users whom the CRM refuses for good, and why. */
  refused: Map<string, string>;
  /** Users who have left the app. */
  gone: Set<string>;
}

interface MemoryPortsOptions {
  requestsPerSecond: number;
  /** Requests that a message about the tags of many users costs. */
  requestsPerTagging?: number;
  budget: Budget;
  mapping?: Mapping;
  /** What is known before the first sync of all, which brings the catalog of the mapping. */
  catalog?: Catalog;
}

const PAGE = 500;
const KEPT = 100_000;
/** How far the consumer is with a user. */
const [HAS_CONTACT, IS_RIGHT, IS_REFUSED] = [1, 2, 3];

/**
 * What a backfill reads and writes, in memory: a queue that drains at a steady rate of requests a second while the backfill's part
 * of the quota lasts, and users that are made as they are read, so that millions need no memory. Ids of users are their indices.
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
  const sent: FedMessage[] = [];
  const started: MemoryPorts['started'] = [];
  const running = new Set<string>();
  const stuck: MemoryPorts['stuck'] = new Map();
  const refused: MemoryPorts['refused'] = new Map();
  const gone: MemoryPorts['gone'] = new Set();
  const progress = new Uint8Array(users.count);
  const complete = catalogOf(mapping);
  let { catalog } = known;
  let ledger = emptyLedger(clock.now);
  /** Messages that wait, oldest first, and the requests that each still costs. */
  let queue: { message: FedMessage; cost: number }[] = [];
  let drainedAt = clock.now;
  /** Messages about users who are stuck. */
  const hidden: FedMessage[] = [];

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
    const right = synced(user, clock.now, mapping, complete);
    if (progress[index] === IS_RIGHT) return right;
    const { tagIds: _, ...crm } = right.crm ?? {};
    return { ...right, crm };
  };
  const isNew = (userId: string) => userAt(Number(userId)).crm?.contactId === undefined;
  const costOf = (message: FedMessage): number => {
    if (message.kind === 'tag-users') return requestsPerTagging;
    return isNew(message.userId) ? 1 : 2;
  };
  const work = (message: FedMessage) => {
    catalog = complete;
    if (message.kind === 'user' && refused.has(message.userId)) progress[Number(message.userId)] = IS_REFUSED;
    else if (message.kind === 'user')
      progress[Number(message.userId)] = isNew(message.userId) ? HAS_CONTACT : IS_RIGHT;
    else for (const userId of message.userIds) if (!stuck.has(userId)) progress[Number(userId)] = IS_RIGHT;
  };
  const isStuck = (message: FedMessage) => message.kind === 'user' && stuck.has(message.userId);
  const enqueue = (messages: readonly FedMessage[]) => {
    hidden.push(...messages.filter(isStuck));
    queue.push(
      ...messages.filter((each) => !isStuck(each)).map((message) => ({ message, cost: costOf(message) })),
    );
  };
  const drain = () => {
    if (hidden.length > 0) enqueue(hidden.splice(0));
    ledger = ledgerAt(ledger, clock.now);
    const left = Math.min(...remainingQuota(ledger, budget).map(({ leftForBackfill }) => leftForBackfill));
    let requests = Math.min(left, ((clock.now - drainedAt) / 1000) * requestsPerSecond);
    drainedAt = clock.now;
    let done = 0;
    for (const each of queue) {
      const spent = Math.min(each.cost, requests);
      requests -= spent;
      ledger.day.used += spent;
      ledger.month.used += spent;
      each.cost -= spent;
      if (each.cost > 0) break;
      work(each.message);
      done++;
    }
    queue = queue.slice(done);
  };
  return {
    sent,
    started,
    running,
    stuck,
    refused,
    gone,
    waiting: () => queue.length,
    usersAfter: async (cursor) => {
      drain();
      const from = cursor === null ? 0 : Number(cursor) + 1;
      const to = Math.min(from + PAGE, users.count);
      return {
        users: Array.from({ length: to - from }, (_, index) => userAt(from + index)),
        finished: to === users.count,
      };
    },
    users: async (userIds) => {
      drain();
      return userIds.filter((userId) => !gone.has(userId)).map((userId) => userAt(Number(userId)));
    },
    countUsers: async () => users.count,
    catalog: async () => catalog,
    send: async (messages) => {
      drain();
      enqueue(messages);
      if (sent.length < KEPT) sent.push(...messages);
    },
    postponed: {
      read: async (groups) =>
        new Map(
          groups.flatMap((group) => {
            const reason = stuck.get(group);
            return reason === undefined
              ? []
              : [[group, { reason, at: new Date(clock.now).toISOString() }] as const];
          }),
        ),
    },
    ledger: async () => {
      drain();
      return structuredClone(ledger);
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

/** Locks in memory, with the same rules. */
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
