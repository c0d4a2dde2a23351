import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanUp } from '../../../../infra/cli/acceptance/clean-up.ts';
import { type RunRecord, takeRecord } from '../../../../infra/cli/acceptance/run-record.ts';
import type { Contact } from '../../../../shared/infusionsoft/schemas.ts';
import { RetryableError } from '../../../../shared/sync/errors.ts';
import type { User } from '../../../../shared/user/user.ts';
import { memorySystem } from '../../../support/acceptance-memory-system.ts';
import { RUN, runRecords } from '../../../support/acceptance-run.ts';

const email = (number: number) => `acceptance+r-${number}@example.com`;
const user = (number: number, crm?: User['crm']): User => ({
  userId: `acceptance-r-${number}`,
  email: email(number),
  crm,
});
const contact = (id: number, address: string): Contact => ({
  id,
  email_addresses: [{ field: 'EMAIL1', email: address }],
});

async function start(run: Partial<RunRecord> = {}) {
  let removed = false;
  const store = runRecords(() => {
    removed = true;
  });
  const recorder = await takeRecord(store, { ...RUN, ...run }, undefined);
  return { recorder, isRemoved: () => removed };
}
const AT_ONCE = { timeoutMs: 0 };
const QUICK = { timeoutMs: 2500 };

describe.concurrent('the clean-up of a run', () => {
  it('deletes its users, their contacts, the items about them and its record, and nothing else', async () => {
    const stranger: User = { userId: 'someone', email: 'ann@example.com', crm: { contactId: 9 } };
    const { system, rows, inCrm, items, deleted } = memorySystem(
      [user(1, { contactId: 1 }), user(2, { contactId: 2 }), stranger],
      [contact(1, email(1)), contact(2, email(2)), contact(9, 'ann@example.com')],
    );
    items.set('email#hash', 'acceptance-r-1').set('email#other', 'someone').set('quota', '');
    const { recorder, isRemoved } = await start();
    expect(await cleanUp(recorder, system, QUICK)).toEqual({
      runId: 'r',
      users: 2,
      contacts: 2,
      items: 3,
      remaining: [],
    });
    expect(deleted).toEqual([1, 2]);
    expect([...rows.keys()]).toEqual(['someone']);
    expect([...inCrm.keys()]).toEqual([9]);
    expect([...items.keys()]).toEqual(['email#other', 'quota']);
    expect(isRemoved()).toBe(true);
  });

  it('leaves everything in place while the sync has not finished a user', async () => {
    const { system, rows, deleted } = memorySystem(
      [user(1, { contactId: 1 }), user(2)],
      [contact(1, email(1))],
    );
    const { recorder, isRemoved } = await start();
    const { remaining } = await cleanUp(recorder, system, AT_ONCE);
    expect(remaining).toEqual(['user acceptance-r-2: the sync has not finished']);
    expect(rows.size).toBe(2);
    expect(deleted).toEqual([]);
    expect(isRemoved()).toBe(false);
  });

  it('deletes no contact before the deletion policy was applied to all', async () => {
    const { system, deleted } = memorySystem([user(1, { contactId: 1 })], [contact(1, email(1))]);
    const { recorder, isRemoved } = await start();
    const stuck = { ...system, sync: { ...system.sync, erasureRecord: async () => undefined } };
    expect((await cleanUp(recorder, stuck, AT_ONCE)).remaining).toEqual([
      'user acceptance-r-1: the sync has not applied the deletion policy to its contact',
    ]);
    expect(deleted).toEqual([]);
    expect(isRemoved()).toBe(false);
    expect(recorder.current().contacts).toEqual([{ userId: 'acceptance-r-1', contactId: 1 }]);
  });

  it('continues where an earlier clean-up was killed, after its users have been retired', async () => {
    const contacts = [{ userId: 'acceptance-r-1', contactId: 1 }];
    const { system, deleted } = memorySystem([], [contact(1, email(1))]);
    const { recorder } = await start({ contacts, retired: true });
    expect((await cleanUp(recorder, system, QUICK)).remaining).toEqual([]);
    expect(deleted).toEqual([1]);
  });

  it('reports a contact that has an email of the run but belonged to no user of it, and does not delete it', async () => {
    const { system, deleted, inCrm } = memorySystem(
      [user(1, { contactId: 1 })],
      [contact(1, email(1)), contact(5, email(1))],
    );
    const { recorder, isRemoved } = await start();
    expect((await cleanUp(recorder, system, QUICK)).remaining).toEqual([
      expect.stringMatching(/^contact 5: .*Delete it by hand/),
    ]);
    expect(deleted).toEqual([1]);
    expect(inCrm.has(5)).toBe(true);
    expect(isRemoved()).toBe(false);
  });

  it('says why it stopped when the CRM cannot be used, and keeps the record', async () => {
    const { system } = memorySystem([user(1, { contactId: 1 })], [], {
      read: () => {
        throw new RetryableError('Paused by hand');
      },
    });
    const { recorder, isRemoved } = await start();
    expect((await cleanUp(recorder, system, AT_ONCE)).remaining).toEqual([
      expect.stringMatching(/not finished: .*Paused by hand/),
    ]);
    expect(isRemoved()).toBe(false);
  });

  it('deletes only contacts of recorded ids with emails of the run, whatever the CRM answers', async () => {
    const address = fc.constantFrom(email(1), email(2), 'ann@example.com', 'bob@example.com', '');
    const any = fc.record({
      id: fc.integer({ min: 1, max: 6 }),
      email_addresses: fc.array(fc.record({ field: fc.constant('EMAIL1'), email: address }), {
        maxLength: 2,
      }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(any, { nil: undefined }), { minLength: 1, maxLength: 6 }),
        fc.array(any, { maxLength: 6 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }),
        async (reads, found, recorded) => {
          const answered = new Map<number, Contact | undefined>();
          let asked = 0;
          const { system, deleted } = memorySystem([], [], {
            read: (contactId) => {
              const answer = reads[asked++ % reads.length];
              if (!deleted.includes(contactId)) answered.set(contactId, answer);
              return answer;
            },
            search: () => found,
          });
          const contacts = recorded.map((contactId) => ({ userId: 'acceptance-r-1', contactId }));
          const { recorder } = await start({ contacts, retired: true });
          await cleanUp(recorder, system, AT_ONCE);
          for (const id of deleted) {
            expect(recorded).toContain(id);
            expect(answered.get(id)?.id).toBe(id);
            const shown = (answered.get(id)?.email_addresses ?? []).map((each) => each.email).filter(Boolean);
            expect(shown.length).toBeGreaterThan(0);
            expect(shown.every((each) => each?.startsWith('acceptance+r-'))).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
