import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CloudEvent } from '../../../shared/events/event-types.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import type { PollMessage } from '../../../shared/sync/message.ts';
import { type Polls, startPolls } from '../../support/polls-under-test.ts';

/*
 * Random histories: people change contacts in the CRM, the app changes users, and polls of all kinds run and are killed at random writes.
 * At the end, the events describe each contact as the CRM shows it, and no event is about what the sync wrote.
 */

const STRANGERS = 4;
const USERS = ['ann', 'bob'];
const TAGS = ['VIP', 'Lead', 'Webinar'];
const STATUSES = {
  SingleOptIn: 'open',
  Manual: 'out',
  ListUnsubscribe: 'out',
  HardBounce: 'bounced',
} as const;
const WRITES = [
  'writePoll',
  'writeListing',
  'writeRanges',
  'writeBuckets',
  'writeOptOuts',
  'writeOptOutListing',
  'writeLog',
] as const;

type Step =
  | { do: 'name'; who: number; name: string }
  | { do: 'tag' | 'untag'; who: number; tag: string }
  | { do: 'status'; who: number; status: keyof typeof STATUSES }
  | { do: 'delete'; who: number }
  | { do: 'create' }
  | { do: 'app'; user: string; firstName: string; status: string }
  | { do: 'poll'; poll: PollMessage['poll']; killAfter: number; killPublish: boolean };

const who = fc.nat({ max: STRANGERS + 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('name' as const), who, name: fc.constantFrom('A', 'B', 'C') }),
  fc.record({ do: fc.constantFrom('tag' as const, 'untag' as const), who, tag: fc.constantFrom(...TAGS) }),
  fc.record({
    do: fc.constant('status' as const),
    who,
    status: fc.constantFrom(...(Object.keys(STATUSES) as (keyof typeof STATUSES)[])),
  }),
  fc.record({ do: fc.constant('delete' as const), who }),
  fc.record({ do: fc.constant('create' as const) }),
  fc.record({
    do: fc.constant('app' as const),
    user: fc.constantFrom(...USERS),
    firstName: fc.constantFrom('Ann', 'Bob'),
    status: fc.constantFrom('trial', 'active', 'expired'),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('poll' as const),
      poll: fc.constantFrom('changes' as const, 'opt-outs' as const, 'listing' as const),
      killAfter: fc.nat({ max: 8 }),
      killPublish: fc.boolean(),
    }),
  },
);

/** What a receiver of the events knows about a contact. */
interface Known {
  exists: boolean;
  tags: Set<string>;
  reach: string;
  name: string | undefined;
}

async function runHistory(steps: readonly Step[]): Promise<void> {
  const polls = await startPolls();
  try {
    const ids = (await polls.addStrangers(STRANGERS)).map(({ id }) => id);
    for (const user of USERS)
      await polls.sync(user, {
        email: `${user}@example.com`,
        firstName: 'Ann',
        subscription: { status: 'trial' },
      });
    const kill = killer(polls);
    await polls.poll('listing');
    const known = new Map<number, Known>();
    for (const contact of await polls.crm.contacts())
      known.set(contact.id, {
        exists: true,
        tags: new Set(),
        reach: 'open',
        name: contact.values['given_name'],
      });

    for (const each of steps) await take(each, polls, ids, kill);
    for (let times = 0; times < 2; times++)
      for (const poll of ['changes', 'opt-outs', 'listing'] as const) await polls.poll(poll);

    const before = polls.published.length;
    for (const poll of ['changes', 'opt-outs', 'listing'] as const) await polls.poll(poll);
    expect(polls.published.slice(before), 'everything is known').toEqual([]);
    const distinct = [...new Map(polls.published.map((event) => [event.id, event])).values()];
    for (const event of distinct) apply(event, known);
    const contacts = new Map((await polls.crm.contacts()).map((contact) => [contact.id, contact]));
    for (const [id, { exists, tags, reach, name }] of known) {
      const contact = contacts.get(id);
      const isStranger = ids.includes(id);
      expect(exists, `contact ${id} exists`).toBe(contact !== undefined);
      if (!contact) continue;
      // In this history, only the sync changed the contacts of the app's users, and its own writes make no events.
      if (!isStranger) expect(distinct.filter(({ data }) => data['contactId'] === id)).toEqual([]);
      else
        expect({ tags: [...tags].sort(), reach, name }).toEqual({
          tags: contact.tags,
          reach: STATUSES[contact.emailStatus as keyof typeof STATUSES] ?? 'open',
          name: contact.values['given_name'],
        });
    }
    expect([...contacts.keys()].filter((id) => !known.has(id))).toEqual([]);
    expect(polls.consumer.rejected).toEqual([]);
  } finally {
    await polls.crm.stop();
  }
}

/** Makes a later write of the store, or the next publication, fail once. */
function killer(polls: Polls) {
  let left = Number.POSITIVE_INFINITY;
  for (const name of WRITES) {
    const write = polls.store[name] as (...values: unknown[]) => Promise<void>;
    (polls.store as unknown as Record<string, unknown>)[name] = async (...values: unknown[]) => {
      if (left-- === 0) throw new RetryableError('killed', { afterMs: 0 });
      await write.apply(polls.store, values);
    };
  }
  return (killAfter: number, killPublish: boolean) => {
    left = killAfter;
    polls.faults.publish = killPublish
      ? () => {
          polls.faults.publish = undefined;
          throw new RetryableError('killed', { afterMs: 0 });
        }
      : undefined;
  };
}

async function take(step: Step, polls: Polls, ids: number[], kill: ReturnType<typeof killer>): Promise<void> {
  const { admin } = polls.crm;
  polls.pass(0.1);
  if (step.do === 'poll') {
    kill(step.killAfter, step.killPublish);
    await polls.poll(step.poll);
    kill(Number.POSITIVE_INFINITY, false);
  } else if (step.do === 'app') {
    await polls.sync(step.user, { firstName: step.firstName, subscription: { status: step.status } });
  } else if (step.do === 'create') {
    const email = `new${ids.length}@example.com`;
    const values = { 'email_addresses.EMAIL1': email, given_name: 'New' };
    const [created] = await polls.crm.preload({ values, emailStatus: 'SingleOptIn', isNew: true });
    if (created) ids.push(created.id);
  } else {
    const id = ids[step.who];
    const exists = id !== undefined && (await polls.crm.contacts()).some((contact) => contact.id === id);
    if (!exists) return;
    if (step.do === 'delete') await admin.removeContact(id);
    else if (step.do === 'name') await admin.edit(id, { values: { given_name: step.name } });
    else if (step.do === 'status') await admin.edit(id, { emailStatus: step.status });
    else await admin.edit(id, step.do === 'tag' ? { addTags: [step.tag] } : { removeTags: [step.tag] });
  }
}

const REACH: Readonly<Record<string, string>> = {
  'crm.contact.unsubscribed.v1': 'out',
  'crm.contact.bounced.v1': 'bounced',
  'crm.contact.resubscribed.v1': 'open',
};

function apply({ type, data }: CloudEvent, known: Map<number, Known>): void {
  const id = Number(data['contactId']);
  const contact = known.get(id) ?? { exists: false, tags: new Set<string>(), reach: 'open', name: undefined };
  known.set(id, contact);
  const values = (data['values'] ?? {}) as Record<string, string | null>;
  const tag = String(data['tagName']);
  if (type === 'crm.contact.created.v1') contact.exists = true;
  if (type === 'crm.contact.deleted.v1') {
    expect(contact.exists, 'a deleted contact existed').toBe(true);
    contact.exists = false;
  }
  if ('given_name' in values) contact.name = values['given_name'] ?? undefined;
  if (type === 'crm.tag.applied.v1') {
    expect(contact.tags.has(tag), `the tag ${tag} is new`).toBe(false);
    contact.tags.add(tag);
  }
  if (type === 'crm.tag.removed.v1') expect(contact.tags.delete(tag), `the tag ${tag} was there`).toBe(true);
  const reach = REACH[type];
  if (reach !== undefined) {
    expect(contact.reach).not.toBe(reach);
    contact.reach = reach;
  }
}

it('what the events say is what the CRM shows, and nothing of it is the sync’s, however polls are killed', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), runHistory), {
    numRuns: 12,
    endOnFailure: true,
  });
}, 180_000);
