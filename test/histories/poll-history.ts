import fc from 'fast-check';
import { expect } from 'vitest';
import type { PolledName } from '../../shared/events/event-types.ts';
import { changeReader } from '../../shared/infusionsoft/change-reader.ts';
import type { EventStore } from '../../shared/store/event-store.ts';
import { RejectedError, RetryableError } from '../../shared/sync/errors.ts';
import type { PollMessage } from '../../shared/sync/message.ts';
import type { Mapping } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import { memoryEventStore } from '../support/memory-event-store.ts';
import { type Polls, shown, startPolls } from '../support/polls-under-test.ts';

/*
 * Random histories on a simulated clock. In each round, people change contacts and other records, before and while pages are read. The app
 * changes its users, whom the sync writes to the CRM. Polls of all kinds are killed at random requests, writes and publications. At the end
 * of a round, each change made by hand has arrived as exactly one event after de-duplication, and nothing else has.
 */

/** Orders are listed by date and as a whole, transactions by date, users and companies as a whole. The sync creates companies, too. */
const RESOURCES = ['orders', 'transactions', 'users', 'companies'] as const satisfies PolledName[];
type Name = (typeof RESOURCES)[number];
const KINDS = { orders: 'order', transactions: 'transaction', users: 'user', companies: 'company' } as const;
const STRANGERS = 6;
/** Items on a page: few, so that lists have several pages. */
const PAGE = 4;

/** A change made by hand, to the target with this index. */
type Edit =
  | { do: 'create' | 'delete' | 'change'; of: Name | 'contacts'; target: number }
  | { do: 'tag' | 'untag' | 'status'; of: 'contacts'; target: number };

interface Round {
  minutes: number;
  before: Edit[];
  /** Changes while pages are read: one before each request of the client that reads changes. */
  during: Edit[];
  polls: { poll: PollMessage['poll']; kills: number[] }[];
  /** Users that the app changes, one before each poll. */
  users: number[];
}

const of = fc.constantFrom(...RESOURCES, 'contacts' as const);
const target = fc.nat({ max: 30 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('create' as const, 'delete' as const, 'change' as const),
      of,
      target,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('tag' as const, 'untag' as const, 'status' as const),
      of: fc.constant('contacts' as const),
      target,
    }),
  },
);
const round: fc.Arbitrary<Round> = fc.record({
  // The clock starts half an hour before the end of a day, a month and a year, so that most histories pass it.
  minutes: fc.constantFrom(1, 20, 120, 1500),
  before: fc.array(edit, { maxLength: 6 }),
  during: fc.array(edit, { maxLength: 6 }),
  polls: fc.array(
    fc.record({
      poll: fc.constantFrom('changes' as const, 'opt-outs' as const, 'listing' as const),
      kills: fc.array(fc.nat({ max: 30 }), { maxLength: 5 }),
    }),
    { maxLength: 3 },
  ),
  users: fc.array(fc.nat({ max: 3 }), { maxLength: 2 }),
});

const mapping: Mapping = {
  ...defaultMapping,
  tagGroups: defaultMapping.tagGroups.slice(0, 1),
  customFields: {},
  contact: { ...defaultMapping.contact, company: ({ lastName }) => lastName && `${lastName} Ltd` },
};

const STATUSES = [
  ['SingleOptIn', 'resubscribed'],
  ['Manual', 'unsubscribed'],
  ['HardBounce', 'bounced'],
] as const;

async function runHistory(rounds: readonly Round[]): Promise<void> {
  const killer = { left: [] as number[], count: 0 };
  const shifts: (() => Promise<void>)[] = [];
  const step = () => {
    killer.count++;
    if (killer.left[0] === undefined || killer.count <= killer.left[0]) return;
    killer.left.shift();
    killer.count = 0;
    throw new RetryableError('killed', { afterMs: 0 });
  };
  const polls = await startPolls(
    {},
    {
      mapping,
      resources: RESOURCES,
      store: memoryEventStore(),
    },
  );
  const { crm } = polls;
  /** Reads a small page, after a change by another person. */
  const get: Parameters<typeof changeReader>[0] = async (path, searchParams, schema) => {
    step();
    await shifts.shift()?.();
    const url = new URL(path, crm.url);
    for (const [name, value] of Object.entries(searchParams))
      url.searchParams.set(name, ['limit', 'page_size'].includes(name) ? String(PAGE) : String(value));
    const answer = await crm.fetch(url);
    if (answer.status === 200) return schema.parse(await answer.json());
    throw new RejectedError('refused-by-crm', `${path}: ${answer.status}`);
  };
  Object.assign(crm.client, changeReader(get));
  killWrites(polls.store, step);
  polls.faults.beforePublish = step;
  polls.faults.publish = step;
  const account = await personOf(polls);
  for (let user = 0; user < 2; user++) await sync(polls, user);
  await quiet(polls);
  expect(polls.published, 'the first listing makes no events').toEqual([]);

  for (const { minutes, before, during, polls: killed, users } of rounds) {
    const seen = polls.published.length;
    account.beginRound();
    polls.pass(minutes);
    for (const each of before) await account.make(each);
    shifts.push(...during.map((each) => () => account.make(each)));
    for (const [index, { poll, kills }] of killed.entries()) {
      const user = users[index];
      if (user !== undefined) await sync(polls, user);
      killer.left = [...kills];
      killer.count = 0;
      await polls.poll(poll);
    }
    killer.left = [];
    for (const shift of shifts.splice(0)) await shift();
    await quiet(polls);
    const distinct = new Map(polls.published.slice(seen).map((event) => [event.id, event]));
    const arrived = shown([...distinct.values()]).map(
      ({ subject: _, values: __, tagId: ___, status: ____, ...event }: Record<string, unknown>) => event,
    );
    expect(sorted(arrived)).toEqual(sorted(account.expected));
    expect(polls.consumer.rejected).toEqual([]);
  }
}

const sorted = (events: readonly object[]) =>
  events.map((event) => JSON.stringify(Object.fromEntries(Object.entries(event).sort()))).sort();

/** Polls until everything is known: a list of several pages shows a deletion by its second listing. */
async function quiet(polls: Polls): Promise<void> {
  for (const poll of ['changes', 'opt-outs', 'listing', 'changes', 'listing'] as const)
    await polls.poll(poll);
}

let changes = 0;
const sync = (polls: Polls, user: number): Promise<void> =>
  polls.sync(`user${user}`, {
    email: `user${user}@example.com`,
    firstName: `First${++changes}`,
    lastName: `Last${changes}`,
    marketingOptIn: changes % 2 === 0,
    subscription: { status: changes % 3 === 0 ? 'active' : 'trial' },
  });

function killWrites(store: EventStore, step: () => void): void {
  const writes = Object.keys(store).filter((name) => name.startsWith('write'));
  expect(writes.length).toBeGreaterThan(8);
  const target = store as unknown as Record<string, (...values: unknown[]) => Promise<void>>;
  for (const name of writes) {
    const write = target[name];
    target[name] = async (...values) => {
      step();
      await write?.apply(store, values);
    };
  }
}

/** A person who changes each record at most once in a round, and the events that have to arrive. */
async function personOf(polls: Polls) {
  const { admin } = polls.crm;
  const contacts = new Map<number, { tags: Set<string>; status: number }>();
  for (const { id } of await polls.addStrangers(STRANGERS)) contacts.set(id, { tags: new Set(), status: 0 });
  // The tags exist, so that their names are known when one is first needed.
  await polls.crm.preload({ values: { given_name: 'Tagged' }, tags: ['Tag 0', 'Tag 1', 'Tag 2'] });
  const records = new Map<Name, number[]>();
  for (const name of RESOURCES) {
    const ids: number[] = [];
    for (let index = 0; index < 6; index++) ids.push((await admin.addRecord(name, valuesOf(name, index))).id);
    records.set(name, ids);
  }
  let value = 0;
  let touched = new Set<string>();
  let expected: object[] = [];

  function valuesOf(name: Name, text: number): Record<string, unknown> {
    const at = new Date(polls.now()).toISOString();
    switch (name) {
      case 'orders':
        return { title: `${text}`, order_date: at, creation_date: at, contact: { id: 1 } };
      case 'transactions':
        return { amount: text, transaction_date: at };
      case 'users':
        return { email: `${text}@example.com` };
      case 'companies':
        return { name: `By hand ${text}` };
    }
  }

  async function makeRecord(edit: Edit, name: Name): Promise<void> {
    const ids = records.get(name) ?? [];
    const kind = KINDS[name];
    if (edit.do === 'create') {
      const values = valuesOf(name, ++value + 100);
      const { id: itemId } = await admin.addRecord(name, values);
      ids.push(itemId);
      touched.add(`${name} ${itemId}`);
      expected.push({
        type: `${kind}.created`,
        itemId,
        fields: CREATED[name],
        ...(name === 'orders' && { contactId: 1 }),
      });
      return;
    }
    const free = ids.filter((id) => !touched.has(`${name} ${id}`));
    const itemId = free[edit.target % Math.max(1, free.length)];
    // A transaction does not change any more.
    if (itemId === undefined || name === 'transactions') return;
    touched.add(`${name} ${itemId}`);
    if (edit.do === 'delete') {
      await admin.removeRecord(name, itemId);
      records.set(
        name,
        ids.filter((id) => id !== itemId),
      );
      expected.push({ type: `${kind}.deleted`, itemId });
    } else {
      await admin.editRecord(name, itemId, { [CHANGED[name]]: `changed ${++value}` });
      expected.push({
        type: `${kind}.changed`,
        itemId,
        fields: [CHANGED[name]],
        ...(name === 'orders' && { contactId: 1 }),
      });
    }
  }

  async function makeContact(edit: Edit): Promise<void> {
    if (edit.do === 'create') {
      const values = { 'email_addresses.EMAIL1': `new${++value}@example.com`, given_name: 'New' };
      const [created] = await polls.crm.preload({ values, emailStatus: 'SingleOptIn', isNew: true });
      const contactId = created?.id ?? 0;
      contacts.set(contactId, { tags: new Set(), status: 0 });
      touched.add(`contact ${contactId}`);
      expected.push({ type: 'contact.created', contactId, fields: ['EMAIL1', 'given_name'] });
      return;
    }
    const free = [...contacts].filter(([id]) => !touched.has(`contact ${id}`));
    const [contactId, contact] = free[edit.target % Math.max(1, free.length)] ?? [];
    if (contactId === undefined || !contact) return;
    touched.add(`contact ${contactId}`);
    const tag = `Tag ${edit.target % 3}`;
    const isTagged = contact.tags.has(tag);
    switch (edit.do) {
      case 'delete':
        await admin.removeContact(contactId);
        contacts.delete(contactId);
        expected.push({ type: 'contact.deleted', contactId });
        return;
      case 'change':
        await admin.edit(contactId, { values: { given_name: `Name ${++value}` } });
        expected.push({ type: 'contact.changed', contactId, fields: ['given_name'] });
        return;
      case 'tag':
      case 'untag': {
        await admin.edit(contactId, edit.do === 'tag' ? { addTags: [tag] } : { removeTags: [tag] });
        if ((edit.do === 'tag') === isTagged) return;
        if (edit.do === 'tag') contact.tags.add(tag);
        else contact.tags.delete(tag);
        const type = edit.do === 'tag' ? 'tag.applied' : 'tag.removed';
        expected.push({ type, contactId, tagName: tag });
        return;
      }
      case 'status': {
        contact.status = (contact.status + 1 + (edit.target % 2)) % 3;
        const [status, event] = STATUSES[contact.status] ?? STATUSES[0];
        await admin.edit(contactId, { emailStatus: status });
        expected.push({ type: `contact.${event}`, contactId, field: 'EMAIL1' });
      }
    }
  }

  return {
    get expected() {
      return expected;
    },
    beginRound: () => {
      touched = new Set();
      expected = [];
    },
    make: (edit: Edit) => (edit.of === 'contacts' ? makeContact(edit) : makeRecord(edit, edit.of)),
  };
}

const CREATED: Readonly<Record<Name, string[]>> = {
  orders: ['contact', 'order_date', 'status', 'title'],
  transactions: ['amount'],
  users: ['email_address', 'status'],
  companies: ['company_name'],
};
const CHANGED: Readonly<Record<Name, string>> = {
  orders: 'title',
  transactions: 'amount',
  users: 'job_title',
  companies: 'website',
};

/**
 * Runs random histories.
 *
 * @throws Error that shows the first failing history, not shortened: an event is missing, there twice, or about what the sync wrote.
 */
export async function checkPollHistories({ runs, seed }: { runs: number; seed?: number }): Promise<void> {
  await fc.assert(fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 3 }), runHistory), {
    numRuns: runs,
    endOnFailure: true,
    ...(seed !== undefined && { seed }),
  });
}
