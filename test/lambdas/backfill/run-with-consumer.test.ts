import type { SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { groupOf } from '../../../lambdas/backfill/messages.ts';
import type { BackfillPorts } from '../../../lambdas/backfill/ports.ts';
import type { Report, Run } from '../../../lambdas/backfill/run.ts';
import { advanceRun, reportRun, type StepContext, startRun } from '../../../lambdas/backfill/steps.ts';
import { INVOCATION_MS } from '../../../shared/quota/retry-policy.ts';
import type { UserTable } from '../../../shared/store/user-table.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import { type Message, messageGroupOf } from '../../../shared/sync/message.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { memoryLocks } from '../../support/backfill-memory-ports.ts';
import { OPTIONS } from '../../support/backfill-start.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryPostponedStore, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeAll(async () => {
  crm = await startCrm();
  await crm.admin.declareOwnership();
});
afterAll(() => crm.stop());

/** When messages of a killed environment are visible again, in milliseconds. */
const VISIBILITY_MS = 60_000;
/** Between two batches of the consumer, in milliseconds. */
const EVERY_MS = 1000;

/** What happens to a batch of messages. */
const fate = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'received' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'twice' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('killed' as const), at: fc.nat(30), after: fc.boolean() }),
  },
);
type Fate = typeof fate extends fc.Arbitrary<infer Kind> ? Kind : never;

interface Waiting {
  message: SQSRecord;
  visibleAt: number;
}

/** A backfill with the real consumer and a queue in memory, on a clock that jumps. */
function system(users: ReturnType<typeof memoryUserTable>, fates: readonly Fate[]) {
  const clock = { now: NOW };
  const now = () => clock.now;
  const postponed = memoryPostponedStore();
  let queue: Waiting[] = [];
  let batches = 0;
  const send = (message: Message, group: string) =>
    queue.push({ message: record(message, group), visibleAt: clock.now });

  /** The user table of an environment that is killed at one of its writes. */
  const dying = (at: number, after: boolean, die: () => void): UserTable => {
    let writes = 0;
    return {
      ...users.table,
      async writeCrm(...write) {
        const isLast = writes++ === at;
        if (isLast && after) await users.table.writeCrm(...write);
        if (isLast) {
          die();
          return new Promise(() => {});
        }
        return users.table.writeCrm(...write);
      },
    };
  };
  const invoke = async (batch: readonly Waiting[], table: UserTable): Promise<void> => {
    const endsAt = clock.now + INVOCATION_MS;
    const consumer = consumerOf(
      crm,
      { ...users, table },
      {
        now,
        endsAt: () => endsAt,
        postponed,
        queue: {
          scheduleRetry: async (records, { afterMs = 2000 }) => {
            for (const each of batch)
              if (records.includes(each.message)) each.visibleAt = clock.now + afterMs;
          },
          reject: async () => {},
          requeue: async (messages) => {
            for (const message of messages) send(message, messageGroupOf(message.userId));
          },
        },
      },
    );
    for (const { message } of batch) {
      const { attributes } = message;
      attributes.ApproximateReceiveCount = String(Number(attributes.ApproximateReceiveCount) + 1);
    }
    const failed = await consumer.receive(...batch.map(({ message }) => message));
    queue = queue.filter((each) => !batch.includes(each) || failed.includes(each.message.messageId));
  };
  const consume = async (): Promise<void> => {
    const busy = new Set<string>();
    const batch = queue.filter(({ message, visibleAt }) => {
      const group = message.attributes.MessageGroupId ?? '';
      const isFree = visibleAt <= clock.now && !busy.has(group);
      if (!isFree) busy.add(group);
      return isFree;
    });
    const taken = batch.slice(0, 10);
    if (taken.length === 0) return;
    const what = fates[batches++] ?? { kind: 'received' };
    if (what.kind === 'twice') await invoke(taken, users.table);
    if (what.kind !== 'killed') return invoke(taken, users.table);
    for (const each of taken) each.visibleAt = clock.now + VISIBILITY_MS;
    const died = Promise.withResolvers<void>();
    await Promise.race([invoke(taken, dying(what.at, what.after, died.resolve)), died.promise]);
  };

  const all = [...users.rows.keys()];
  const ports: BackfillPorts = {
    usersAfter: async (cursor) => ({
      users: all.slice(cursor === null ? 0 : all.indexOf(cursor) + 1).map((userId) => users.user(userId)),
      finished: true,
    }),
    users: (userIds) => users.table.readMany(userIds),
    countUsers: async () => all.length,
    catalog: () => crm.table.readCatalog(),
    send: async (messages, runId) => {
      for (const message of messages) send(message, groupOf(message, runId));
    },
    postponed,
    ledger: async () => undefined,
    locks: memoryLocks(),
    isRunning: async () => false,
    startExecution: async () => 'arn',
    onFailure: () => {},
    sleep: async () => {
      clock.now += EVERY_MS;
      await consume();
    },
    now,
  };
  const context: StepContext = { ports, options: OPTIONS, executionArn: 'arn:execution:run-1' };
  return {
    async run(): Promise<Report> {
      let run = (await startRun({}, context)) as Run;
      while (run.next !== 'report') {
        run = await advanceRun(run, context);
        clock.now += run.waitSeconds * 1000;
        await consume();
      }
      return reportRun(run, context);
    },
    async settle() {
      while (queue.length > 0) {
        clock.now += EVERY_MS;
        await consume();
      }
    },
  };
}

let runs = 0;
const newUsers = (count: number): User[] => {
  runs++;
  return Array.from({ length: count }, (_, index) => ({
    userId: `r${runs}u${index}`,
    email: `r${runs}u${index}@example.com`,
    subscription: { status: 'active' as const },
    progress: { program: 'Strength', week: 1 + (index % 12) },
    lastActiveAt: '2026-06-15T09:00:00Z',
  }));
};

it('a run ends with correct totals and every user in sync, whichever environments are killed and messages are delivered twice', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fate, { maxLength: 15 }),
      async (count, fates) => {
        const users = memoryUserTable(...newUsers(count));
        const { run, settle } = system(users, fates);
        const result = await run();
        expect(result).toMatchObject({ scanned: count, enqueued: count, rejected: {} });
        expect(result.done + result.unfinished.total).toBe(count);
        await settle();
        const contacts = new Map((await crm.contacts()).map((contact) => [contact.id, contact]));
        for (const userId of users.rows.keys()) {
          const user = users.user(userId);
          const tags = contacts.get(user.crm?.contactId ?? 0)?.tags;
          expect(tags?.toSorted()).toEqual(desiredState(mapping, user, NOW).tags.toSorted());
        }
        // The messages of a killed environment are visible again long before the run stops waiting.
        expect(result.unfinished.total).toBe(0);
        const { duplicateContacts, foreignWrites } = await crm.admin.stats();
        expect({ duplicateContacts, foreignWrites }).toEqual({ duplicateContacts: 0, foreignWrites: [] });
      },
    ),
    { numRuns: 40 },
  );
}, 120_000);
