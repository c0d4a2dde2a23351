import { setTimeout as sleep } from 'node:timers/promises';
import { groupOf } from '../../../lambdas/backfill/messages.ts';
import type { BackfillPorts } from '../../../lambdas/backfill/ports.ts';
import type { PostponedStore } from '../../../shared/store/postponed-store.ts';
import type { SyncTable } from '../../../shared/store/sync-table.ts';
import type { UserTable } from '../../../shared/store/user-table.ts';
import type { User } from '../../../shared/user/user.ts';
import { memoryLocks } from '../../support/backfill-memory-ports.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** Users per page of the scan. */
const PAGE = 500;

type SimulatedPorts = BackfillPorts & { started: { name: string; input: unknown }[]; running: Set<string> };

interface SimulatedPortsOptions {
  queue: WaitingQueue;
  table: Pick<SyncTable, 'readCatalog' | 'ledger'>;
  users: Pick<UserTable, 'readMany'>;
  postponed: PostponedStore;
  /** Number of users in the table, and the current state of each. */
  count: number;
  at: (index: number) => User;
}

/** The backfill's ports for a simulated world's queue and tables. */
export function backfillPorts({
  queue,
  table,
  users,
  postponed,
  count,
  at,
}: SimulatedPortsOptions): SimulatedPorts {
  const started: SimulatedPorts['started'] = [];
  const running: SimulatedPorts['running'] = new Set();
  const positions = new Map(Array.from({ length: count }, (_, index) => [at(index).userId, index]));
  return {
    started,
    running,
    async usersAfter(cursor) {
      const from = cursor === null ? 0 : (positions.get(cursor) ?? 0) + 1;
      const to = Math.min(from + PAGE, count);
      return {
        users: Array.from({ length: to - from }, (_, index) => at(from + index)),
        finished: to === count,
      };
    },
    users: (userIds) => users.readMany(userIds),
    countUsers: async () => count,
    catalog: () => table.readCatalog(),
    async send(messages, runId) {
      for (const message of messages) queue.send(groupOf(message, runId), JSON.stringify(message));
    },
    postponed,
    ledger: async () => (await table.ledger.read())?.value,
    locks: memoryLocks(),
    isRunning: async (executionArn) => running.has(executionArn),
    async startExecution(name, input) {
      started.push({ name, input });
      return `arn:execution:${name}`;
    },
    onFailure(error) {
      throw error;
    },
    sleep: (ms) => sleep(ms),
    now: Date.now,
  };
}
