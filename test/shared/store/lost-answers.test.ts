import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../../shared/invocation.ts';
import { emptyLedger } from '../../../shared/quota/ledger.ts';
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

/** A conditional write: made twice by the same writer it succeeds once, since its own condition no longer holds. */
interface ConditionalWrite {
  name: string;
  /** What is there before. */
  prepare?: (db: FakeDynamoDb) => Promise<unknown>;
  write: (db: FakeDynamoDb) => Promise<unknown>;
  success: unknown;
  /** What a writer gets who comes second. */
  failure: unknown;
}

const claims = ({ client }: FakeDynamoDb) => claimStore(client, 'sync');
const table = ({ client }: FakeDynamoDb) => syncTable(client, 'sync');
const users = ({ client }: FakeDynamoDb) => userTable(client, 'users');
const writeAnn = (db: FakeDynamoDb, over: number | undefined) =>
  users(db).writeCrm('ann', { contactId: 5 }, over);

const WRITES: ConditionalWrite[] = [
  {
    name: 'of the ledger, the first',
    write: (db) => table(db).ledger.write(emptyLedger(0), undefined),
    success: STORED,
    failure: { stored: false, found: { value: emptyLedger(0), version: 1 } },
  },
  {
    name: 'of request slots, over a version',
    prepare: (db) => table(db).slots.write([1], undefined),
    write: (db) => table(db).slots.write([1, 2], 1),
    success: STORED,
    failure: { stored: false, found: { value: [1, 2], version: 2 } },
  },
  {
    name: 'of a claim, the first',
    write: (db) => claims(db).write('contact#5', { userId: 'ann', claimedAt: 9 }),
    success: STORED,
    failure: { stored: false, found: { userId: 'ann', claimedAt: 9 } },
  },
  {
    name: 'of a claim, over that of another user',
    prepare: (db) => claims(db).write('contact#5', { userId: 'bob' }),
    write: (db) => claims(db).write('contact#5', { userId: 'ann' }, { userId: 'bob', notRetiringAt: 1 }),
    success: STORED,
    failure: { stored: false, found: { userId: 'ann' } },
  },
  {
    name: 'of a lease, the first',
    write: (db) => table(db).acquireLease('catalog', holder('a'), 1),
    success: true,
    failure: false,
  },
  {
    name: 'of a lease, over one that has ended',
    prepare: (db) => table(db).acquireLease('catalog', { ...holder('b'), endsAt: 10 }, 1),
    write: (db) => table(db).acquireLease('catalog', holder('a'), 20),
    success: true,
    failure: false,
  },
  {
    name: 'of what the sync knows of a user, the first',
    prepare: async ({ items }) => items.set('ann', ann),
    write: (db) => writeAnn(db, undefined),
    success: 'stored',
    failure: 'conflict',
  },
  {
    name: 'of what the sync knows of a user, over a revision',
    prepare: async (db) => {
      db.items.set('ann', ann);
      return writeAnn(db, undefined);
    },
    write: (db) => writeAnn(db, 1),
    success: 'stored',
    failure: 'conflict',
  },
  {
    name: 'of the lock of a backfill, the first',
    write: (db) => locks(db).take('contacts', run('one'), undefined),
    success: true,
    failure: false,
  },
  {
    name: 'of the lock of a backfill, over another',
    prepare: (db) => locks(db).take('contacts', run('one'), undefined),
    write: (db) => locks(db).take('contacts', run('two'), run('one')),
    success: true,
    failure: false,
  },
];

describe('a conditional write whose answer is lost', () => {
  it.each(WRITES)('$name: is stored, although the repeat meets it', async ({ prepare, write, success }) => {
    let isLost = false;
    const db = fakeDynamoDb({ fateOf: () => (isLost ? 'lost' : 'answered') });
    await prepare?.(db);
    isLost = true;
    const before = { ...db.requests };
    expect(await write(db)).toEqual(success);
    const action = db.requests['UpdateItem'] ? 'UpdateItem' : 'PutItem';
    expect((db.requests[action] ?? 0) - (before[action] ?? 0)).toBe(2);
  });

  it.each(WRITES)('$name: is a conflict for the second of two with the same content', async (each) => {
    const db = fakeDynamoDb();
    await each.prepare?.(db);
    await each.write(db);
    expect(await each.write(db)).toEqual(each.failure);
  });
});

describe('a delete whose answer is lost', () => {
  const lossy = () => fakeDynamoDb({ fateOf: () => 'lost' });

  it('of a lease leaves none, and nobody is told of a failure', async () => {
    const db = lossy();
    await table(db).acquireLease('catalog', holder('a'), 1);
    await expect(table(db).releaseLease('catalog', holder('a'))).resolves.toBeUndefined();
    expect(db.items.size).toBe(0);
  });

  it('of a lease leaves alone that of whoever came between', async () => {
    const other = holder('b');
    let isReleasing = false;
    const db: FakeDynamoDb = fakeDynamoDb({
      fateOf: () => (isReleasing ? 'lost' : 'answered'),
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

  it('of the lock of a backfill leaves none', async () => {
    const db = lossy();
    await locks(db).take('contacts', run('one'), undefined);
    await locks(db).release('contacts', 'run');
    expect(db.items.size).toBe(0);
  });
});

describe('a lease', () => {
  it('is held by one environment until its end', async () => {
    const sync = table(fakeDynamoDb());
    expect(await sync.acquireLease('catalog', holder('a'), 1)).toBe(true);
    expect(await sync.acquireLease('catalog', holder('b'), 50)).toBe(false);
    expect(await sync.acquireLease('catalog', holder('b'), 51)).toBe(true);
  });

  it('is held by one work of an invocation at a time', async () => {
    const sync = table(fakeDynamoDb());
    await sync.acquireLease('catalog', holder('a'), 1);
    expect(await sync.acquireLease('catalog', holder('a'), 1)).toBe(false);
  });

  it('that an earlier invocation of the same environment has left behind is free', async () => {
    const sync = table(fakeDynamoDb());
    await sync.acquireLease('catalog', holder('a', 1), 1);
    expect(await sync.acquireLease('catalog', holder('a', 2), 2)).toBe(true);
    await sync.releaseLease('catalog', holder('a', 1));
    expect(await sync.acquireLease('catalog', holder('b'), 2)).toBe(false);
  });
});

describe('request slots', () => {
  const SCHEDULE = { requestsPerWindow: 5, windowMs: 1000, burst: 3 };

  it('are never handed out twice, whatever answers are lost and whoever comes first', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.infiniteStream(fc.constantFrom('answered', 'answered', 'lost')),
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
              const take = (past: readonly number[] = []) => {
                // Both see the same clock, so that both would take the same slots.
                mine = nextSlots(SCHEDULE, past, count, 0);
                return [...past, ...mine];
              };
              try {
                await updateVersioned(slots, take);
                taken.push(...mine);
              } catch (error) {
                // The answers of all attempts were lost: what was taken is given up.
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
