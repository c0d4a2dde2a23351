import type { BackfillPorts } from '../../../lambdas/backfill/ports.ts';
import type { SyncTable } from '../../../shared/store/sync-table.ts';
import { messageGroupOf } from '../../../shared/sync/message-group.ts';
import type { User } from '../../../shared/user/user.ts';
import type { FifoQueue } from './fifo-queue.ts';

/** Users of one page of the scan. */
const PAGE = 500;

type Feeder = BackfillPorts & { started: { name: string; input: unknown }[]; running: Set<string> };

interface FeederOptions {
  queue: FifoQueue;
  table: Pick<SyncTable, 'readCatalog' | 'ledger'>;
  /** Users in the table, and each of them as it is now. */
  count: number;
  at: (index: number) => User;
}

/** The ports of the backfill over a world's queue and tables. */
export function feederPorts({ queue, table, count, at }: FeederOptions): Feeder {
  const started: Feeder['started'] = [];
  const running: Feeder['running'] = new Set();
  const positions = new Map(Array.from({ length: count }, (_, index) => [at(index).userId, index]));
  let owner: Awaited<ReturnType<BackfillPorts['owner']>>;
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
    countUsers: async () => count,
    catalog: () => table.readCatalog(),
    backlog: async () => queue.size,
    async send(messages) {
      for (const message of messages) {
        const group = message.kind === 'user' ? messageGroupOf(message.userId) : `tags:${message.userIds[0]}`;
        queue.send(group, JSON.stringify(message));
      }
    },
    ledger: async () => (await table.ledger.read())?.value,
    owner: async () => owner,
    async own(next) {
      owner = next;
      return true;
    },
    async disown() {
      owner = undefined;
    },
    isRunning: async (executionArn) => running.has(executionArn),
    async startExecution(name, input) {
      started.push({ name, input });
      return `arn:execution:${name}`;
    },
    now: Date.now,
  };
}
