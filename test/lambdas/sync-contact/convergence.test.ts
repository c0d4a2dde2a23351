import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { desiredState, isSyncable } from '../../../shared/sync/desired-state.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userArbitrary } from '../../support/user-arbitrary.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeAll(async () => {
  crm = await startCrm();
  await crm.catalog.current();
  await crm.admin.declareOwnership();
});
afterAll(() => crm.stop());

const WRITES = ['upsertContact', 'updateContact', 'applyTags', 'removeTags'] as const;

/** Fails the n-th write, before or after it takes effect. */
function failingAt(point: number, afterEffect: boolean): InfusionsoftClient {
  let writes = 0;
  const wrap = (name: (typeof WRITES)[number]) =>
    (async (...parameters: never[]) => {
      const isLast = writes++ === point;
      if (isLast && !afterEffect) throw new RetryableError('failed before');
      const result = await (crm.client[name] as (...all: never[]) => Promise<unknown>)(...parameters);
      if (isLast) throw new RetryableError('failed after');
      return result;
    }) as never;
  return { ...crm.client, ...Object.fromEntries(WRITES.map((name) => [name, wrap(name)])) };
}

let run = 0;
const step = fc.record({
  user: userArbitrary(),
  messages: fc.integer({ min: 0, max: 3 }),
  failsAt: fc.option(fc.nat({ max: 3 })),
  afterEffect: fc.boolean(),
});

it('the CRM ends as the table says, whatever the order of edits, messages and failures, and then nothing is left to do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
      run++;
      const userId = `u${run}`;
      const users = memoryUserTable({ userId });
      for (const { user, messages, failsAt, afterEffect } of steps) {
        const email = user.email?.includes('@')
          ? `${userId}.${steps.indexOf(steps[0] as never)}@example.com`
          : user.email;
        const { crm: _, ...attributes } = { ...user, userId, email };
        users.rows.set(userId, { ...attributes, crm: users.rows.get(userId)?.['crm'] });
        const client = failsAt === null ? crm.client : failingAt(failsAt, afterEffect);
        for (let sent = 0; sent < messages; sent++) {
          await consumerOf(crm, users, { client }).receive(record(userMessage(userId)));
        }
      }
      const settled = consumerOf(crm, users);
      await settled.receive(record(userMessage(userId)));
      const user = users.user(userId);
      const desired = desiredState(mapping, user, NOW);
      if (isSyncable(desired)) {
        const contact = (await crm.contacts()).find(({ id }) => id === user.crm?.contactId);
        expect(contact?.tags).toEqual([...desired.tags].sort());
        expect(contact?.values['given_name']).toBe(desired.fields.given_name);
        expect(contact?.customFields['Program']).toBe(desired.fields['custom_fields.Program']);
        expect(await crm.requestsOf(() => settled.receive(record(userMessage(userId))))).toEqual({});
      }
      const { duplicateContacts, foreignWrites } = await crm.admin.stats();
      expect({ duplicateContacts, foreignWrites }).toEqual({ duplicateContacts: 0, foreignWrites: [] });
    }),
    { numRuns: 40 },
  );
}, 60_000);
