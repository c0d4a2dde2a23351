import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../../shared/invocation.ts';
import { emptyLedger } from '../../../shared/quota/ledger.ts';
import { NO_SLOTS, type SlotState } from '../../../shared/quota/rate-lease.ts';
import { nextSlots } from '../../../shared/quota/slots.ts';
import { updateVersioned } from '../../../shared/quota/versioned-store.ts';
import { claimStore } from '../../../shared/store/claim-store.ts';
import { runLocks } from '../../../shared/store/run-lock.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { userTable } from '../../../shared/store/user-table.ts';
import { type FakeDynamoDb, fakeDynamoDb } from '../../support/fake-dynamodb.ts';

const holder = (environment: string, number = 1): Invocation => ({ environment, number, endsAt: 50 });
const locks = ({ client }: FakeDynamoDb) => runLocks(client, 'sync');
const run = (executionArn: string) => ({ runId: 'run', executionArn, busyUntil: 9 });
const STORED = { stored: true };
const ann = { userId: { S: 'ann' } };

/** A conditional write whose condition is false once it has succeeded. */
interface ConditionalWrite {
  name: string;
  /** Stores the item that the write replaces. */
  prepare?: (db: FakeDynamoDb) => Promise<unknown>;
  write: (db: FakeDynamoDb) => Promise<unknown>;
  success: unknown;
  /** The result of a second writer of the same content. */
  failure: unknown;
}

const claims = ({ client }: FakeDynamoDb) => claimStore(client, 'sync');
const table = ({ client }: FakeDynamoDb) => syncTable(client, 'sync');
const users = ({ client }: FakeDynamoDb) => userTable(client, 'users');
const writeAnn = (db: FakeDynamoDb, over: number | undefined) =>
  users(db).writeCrm('ann', { contactId: 5 }, over);

const WRITES: ConditionalWrite[] = [
  {
    name: 'the first ledger',
    write: (db) => table(db).ledger.write(emptyLedger(0), undefined),
    success: STORED,
    failure: { stored: false, found: { value: emptyLedger(0), version: 1 } },
  },
  {
    name: 'request slots over a version',
    prepare: (db) => table(db).slots.write({ slots: [1], at: 1, leases: [] }, undefined),
    write: (db) => table(db).slots.write({ slots: [1, 2], at: 2, leases: [] }, 1),
    success: STORED,
    failure: { stored: false, found: { value: { slots: [1, 2], at: 2, leases: [] }, version: 2 } },
  },
  {
    name: 'the first claim of a contact',
    write: (db) => claims(db).write('contact#5', { userId: 'ann', claimedAt: 9 }),
    success: STORED,
    failure: { stored: false, found: { userId: 'ann', claimedAt: 9 } },
  },
  {
    name: 'a claim over that of another user',
    prepare: (db) => claims(db).write('contact#5', { userId: 'bob' }),
    write: (db) => claims(db).write('contact#5', { userId: 'ann' }, { userId: 'bob', notRetiringAt: 1 }),
    success: STORED,
    failure: { stored: false, found: { userId: 'ann' } },
  },
  {
    name: 'the first lease',
    write: (db) => table(db).acquireLease('catalog', holder('a'), 1),
    success: true,
    failure: false,
  },
  {
    name: 'a lease over one that has ended',
    prepare: (db) => table(db).acquireLease('catalog', { ...holder('b'), endsAt: 10 }, 1),
    write: (db) => table(db).acquireLease('catalog', holder('a'), 20),
    success: true,
    failure: false,
  },
  {
    name: 'the first crm map of a user',
    prepare: async ({ items }) => items.set('ann', ann),
    write: (db) => writeAnn(db, undefined),
    success: 'stored',
    failure: 'conflict',
  },
  {
    name: 'a crm map over a revision',
    prepare: async (db) => {
      db.items.set('ann', ann);
      return writeAnn(db, undefined);
    },
    write: (db) => writeAnn(db, 1),
    success: 'stored',
    failure: 'conflict',
  },
  {
    name: 'the first lock of a backfill',
    write: (db) => locks(db).take('contacts', run('one'), undefined),
    success: true,
    failure: false,
  },
  {
    name: 'a lock over that of another backfill',
    prepare: (db) => locks(db).take('contacts', run('one'), undefined),
    write: (db) => locks(db).take('contacts', run('two'), run('one')),
    success: true,
    failure: false,
  },
];

describe('a conditional write', () => {
  it.each(WRITES)(
    'that stores $name succeeds when its response is lost and the SDK repeats it',
    async ({ prepare, write, success }) => {
      let isLost = false;
      const db = fakeDynamoDb({ fateOf: () => (isLost ? 'lost' : 'returned') });
      await prepare?.(db);
      isLost = true;
      const before = { ...db.requests };
      expect(await write(db)).toEqual(success);
      const action = db.requests['UpdateItem'] ? 'UpdateItem' : 'PutItem';
      expect((db.requests[action] ?? 0) - (before[action] ?? 0)).toBe(2);
    },
  );

  it.each(WRITES)('that stores $name is a conflict for a second writer of the same content', async (each) => {
    const db = fakeDynamoDb();
    await each.prepare?.(db);
    await each.write(db);
    expect(await each.write(db)).toEqual(each.failure);
  });
});

describe('a conditional delete whose response is lost', () => {
  const lossy = () => fakeDynamoDb({ fateOf: () => 'lost' });

  it('deletes a lease without an error', async () => {
    const db = lossy();
    await table(db).acquireLease('catalog', holder('a'), 1);
    await expect(table(db).releaseLease('catalog', holder('a'))).resolves.toBeUndefined();
    expect(db.items.size).toBe(0);
  });

  it('keeps a lease that another invocation took in the meantime', async () => {
    const other = holder('b');
    let isReleasing = false;
    const db: FakeDynamoDb = fakeDynamoDb({
      fateOf: () => (isReleasing ? 'lost' : 'returned'),
      between: async () => {
        isReleasing = false;
        await table(db).acquireLease('catalog', other, 1);
      },
    });
    await table(db).acquireLease('catalog', holder('a'), 1);
    isReleasing = true;
    await table(db).releaseLease('catalog', holder('a'));
    expect(db.items.get('lease#catalog')).toMatchObject({ environment: { S: 'b' } });
  });

  it('deletes the lock of a backfill', async () => {
    const db = lossy();
    await locks(db).take('contacts', run('one'), undefined);
    await locks(db).release('contacts', 'run');
    expect(db.items.size).toBe(0);
  });
});

describe('request slots', () => {
  const SCHEDULE = { requestsPerWindow: 5, windowMs: 1000, burst: 3 };

  it('are never given to two environments, whatever responses are lost and whatever the order of the writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.infiniteStream(fc.constantFrom('returned', 'returned', 'lost')),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
        async (scheduler, fates, counts) => {
          const db = fakeDynamoDb({
            fateOf: () => scheduler.schedule(Promise.resolve(fates.next().value)),
            between: () => scheduler.schedule(Promise.resolve()),
          });
          const taken: number[] = [];
          const takeAll = async () => {
            const { slots } = table(db);
            for (const count of counts) {
              let mine: number[] = [];
              const take = ({ slots: past, ...rest }: SlotState = NO_SLOTS): SlotState => {
                // Both environments see the same clock, so both want the same slots.
                mine = nextSlots(SCHEDULE, past, count, 0);
                return { ...rest, slots: [...past, ...mine] };
              };
              try {
                await updateVersioned(slots, take);
                taken.push(...mine);
              } catch (error) {
                // The responses of all attempts were lost, so the environment does not use the slots.
                if (!(error instanceof Error) || error.message !== 'socket hang up') throw error;
              }
            }
          };
          await scheduler.waitFor(Promise.all([takeAll(), takeAll()]));
          expect(new Set(taken).size).toBe(taken.length);
          for (const start of taken)
            expect(taken.filter((at) => at >= start && at < start + 1000).length).toBeLessThanOrEqual(5);
        },
      ),
      { numRuns: 40 },
    );
  });
});
