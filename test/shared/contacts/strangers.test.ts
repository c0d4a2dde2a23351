import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogSource } from '../../../shared/infusionsoft/catalog/catalog-source.ts';
import { type ArrayMode, EMAIL_PATHS } from '../../simulator/account/contact-store.ts';
import { SEARCH_MODES, type SearchMode } from '../../simulator/account/search.ts';
import type { PreloadedContact } from '../../simulator/admin-routes.ts';
import { ANN } from '../../support/ann.ts';
import { consumerOf, NOW, record } from '../../support/consumer-under-test.ts';
import { invocationOf, memorySyncTable, memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

const [FIRST_EMAIL = ''] = EMAIL_PATHS;
const DAY_MS = 24 * 3_600_000;
const ARRAYS = ['merge', 'replace'] as const;
const CASES = SEARCH_MODES.flatMap((search) => ARRAYS.map((arrays) => [search, arrays] as const));

/** Contacts that the sync does not know. Some look like its users, or like its probe contact for the detection of array modes. */
const STRANGERS: PreloadedContact[] = [
  { values: { 'email_addresses.EMAIL1': 'ann@example.com.au', given_name: 'Ann' }, tags: ['VIP'] },
  { values: { 'email_addresses.EMAIL2': 'joann@example.com', 'phone_numbers.PHONE2': '+12125550100' } },
  { values: { 'email_addresses.EMAIL3': 'ann@new.example.org' }, customFields: { 'Shoe Size': '41' } },
  { values: { given_name: 'Sync experiment', family_name: 'Safe to delete' } },
  { values: { given_name: 'Sync', family_name: 'Delete', 'phone_numbers.PHONE1': '+12125550101' } },
];

let crm: Awaited<ReturnType<typeof startCrm>>;
const start = async (search: SearchMode, arrays: ArrayMode, strangers = STRANGERS) => {
  crm = await startCrm({ search, arrays, searchDelayMs: 0 });
  await crm.admin.declareOwnership();
  await crm.admin.addContacts(strangers.map((contact) => ({ ...contact, stranger: true })));
  return crm.contacts();
};
const expectUntouched = async (strangers: Awaited<ReturnType<typeof start>>) => {
  const ids = new Set(strangers.map(({ id }) => id));
  expect((await crm.contacts()).filter(({ id }) => ids.has(id))).toEqual(strangers);
  expect((await crm.admin.stats()).foreignWrites).toEqual([]);
};
const message = (userId: string) => record(userMessage(userId));

describe.each(CASES)('in an account with %s searches where updates %s array items', (search, arrays) => {
  afterEach(() => crm.stop());

  it('the first sync and the weekly refresh of the catalog touch no other contact', async () => {
    const strangers = await start(search, arrays);
    let clock = NOW;
    const { table, client, mapping } = crm;
    const invocation = () => invocationOf('a', 1, clock);
    const catalog = catalogSource({ table, client, mapping, invocation, now: () => clock });
    const { receive } = consumerOf({ ...crm, catalog }, memoryUserTable(ANN), { now: () => clock });
    await receive(message('ann'));
    clock += 8 * DAY_MS;
    expect((await catalog.current()).arrays?.modes).toEqual({ put: arrays, patch: arrays });
    await expectUntouched(strangers);
    expect((await crm.contacts()).length).toBe(strangers.length + 1);
  });

  it('a user whose email changes keeps the contact', async () => {
    const strangers = await start(search, arrays);
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users);
    await receive(message('ann'));
    const contactId = users.user('ann').crm?.contactId;
    users.edit('ann', { email: 'ann@new.example' });
    await receive(message('ann'));
    expect(users.user('ann').crm?.contactId).toBe(contactId);
    expect((await crm.admin.contacts('ann@new.example')).map(({ id }) => id)).toEqual([contactId]);
    await expectUntouched(strangers);
  });

  it('a deletion deletes the contact of the user, and no other', async () => {
    const strangers = await start(search, arrays);
    const users = memoryUserTable(ANN);
    const { receive } = consumerOf(crm, users, { deletionPolicy: 'delete' });
    await receive(message('ann'));
    const contactId = users.user('ann').crm?.contactId ?? 0;
    users.rows.delete('ann');
    await receive(record(userMessage('ann', { cause: 'deleted', contactId })));
    await expectUntouched(strangers);
    expect((await crm.contacts()).length).toBe(strangers.length);
  });
});

describe.each(ARRAYS)('any account where updates %s array items', (arrays) => {
  beforeEach(() => start('exact', arrays, []));
  afterEach(() => crm.stop());

  const emails = fc
    .tuple(
      fc.constantFrom('ann', 'Ann', 'anna', 'jo.ann', 'bob'),
      fc.constantFrom('example.com', 'example.co', 'example.com.au', 'EXAMPLE.com'),
    )
    .map((parts) => parts.join('@'));
  const contacts = fc
    .record(
      {
        'email_addresses.EMAIL1': emails,
        'email_addresses.EMAIL2': emails,
        'email_addresses.EMAIL3': emails,
        'phone_numbers.PHONE2': fc.constant('+12125550100'),
        given_name: fc.constantFrom('Ann', 'Sync experiment', 'Sync'),
        family_name: fc.constantFrom('Lee', 'Safe to delete'),
      },
      { requiredKeys: [] },
    )
    .map((values) => ({ values }));
  const step = fc.record({
    email: emails,
    isDeleted: fc.boolean(),
    daysLater: fc.constantFrom(0, 8),
  });

  it('keeps every contact without an email of a user as it is, whatever its search returns', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SEARCH_MODES),
        fc.array(contacts, { maxLength: 8 }),
        fc.array(step, { minLength: 1, maxLength: 4 }),
        async (mode, people, steps) => {
          await crm.admin.set('reset', { data: true });
          await crm.admin.set('search', { mode });
          const own = new Set(steps.map(({ email }) => email.toLowerCase()));
          const isStranger = ({ values }: { values: Record<string, string> }) =>
            Object.values(values).every((value) => !own.has(value.toLowerCase()));
          const strangers = people.filter(isStranger).map((person) => ({ ...person, stranger: true }));
          await crm.admin.addContacts([...people.filter((person) => !isStranger(person)), ...strangers]);
          const all = await crm.contacts();
          const before = all.filter(isStranger);
          // Only a user without a contact takes one that has the email as a second one.
          const signUps = new Set(
            steps
              .filter(({ isDeleted }, step) => isDeleted || step === 0)
              .map(({ email }) => email.toLowerCase()),
          );
          const untaken = all.filter(({ values }) =>
            EMAIL_PATHS.every(
              (path) => !(path === FIRST_EMAIL ? own : signUps).has(values[path]?.toLowerCase() ?? ''),
            ),
          );

          const userId = `u${++run}`;
          const users = memoryUserTable();
          let clock = NOW;
          const { client, mapping } = crm;
          const table = memorySyncTable();
          const catalog = catalogSource({
            table,
            client,
            mapping,
            invocation: () => invocationOf('a', 1, clock),
            now: () => clock,
          });
          const { receive } = consumerOf({ ...crm, table, catalog }, users, {
            now: () => clock,
            deletionPolicy: 'delete',
          });
          for (const { email, isDeleted, daysLater } of steps) {
            clock += daysLater * DAY_MS;
            const { contactId } = users.rows.has(userId) ? (users.user(userId).crm ?? {}) : {};
            if (isDeleted && contactId) {
              users.rows.delete(userId);
              await receive(record(userMessage(userId, { cause: 'deleted', contactId })));
            }
            users.edit(userId, { ...ANN, userId, email });
            await receive(message(userId));
          }
          const ids = new Set(before.map(({ id }) => id));
          expect((await crm.contacts()).filter(({ id }) => ids.has(id))).toEqual(before);
          const after = new Map((await crm.contacts()).map(({ id, values }) => [id, values[FIRST_EMAIL]]));
          for (const { id, values } of untaken) expect(after.get(id)).toBe(values[FIRST_EMAIL]);
          expect((await crm.admin.stats()).foreignWrites).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
