import type { CloudEvent, EventKind } from '../../shared/events/event-types.ts';
import { type Mapping, managedTags } from '../../shared/user/define-mapping.ts';
import { shown } from '../support/polls-under-test.ts';

/** What a person does with a contact that belongs to no user. */
const KINDS = [
  'contact.changed',
  'contact.unsubscribed',
  'tag.applied',
  'tag.removed',
  'order.created',
  'contact.deleted',
] as const satisfies EventKind[];
type Kind = (typeof KINDS)[number];

export interface Change {
  kind: Kind;
  contactId: number;
}

/** What a run knows at its end. */
interface Facts {
  /** The emails that a user had during the run. */
  emailsOf(userId: string): ReadonlySet<string>;
  /** How many users had an email. */
  usersOf(email: string): number;
  /** The user id that a contact shows. */
  userIdOf(contactId: number): string | undefined;
  /** Whether the sync created a contact and was cut off before it wrote the user id to it, so that nothing leads to its user. */
  isLost(contactId: number): boolean;
  /** Whether the sync created a contact with two requests, of which the first does not write the user id, and several users had its email. */
  isTakenOver(contactId: number): boolean;
}

type Shown = Readonly<Record<string, unknown>>;

/** What people did by hand in the CRM during a run, and the events that have to arrive because of it. */
export class ManualChanges {
  readonly #strangers: readonly number[];
  readonly #done = new Map<number, Set<Kind>>();
  /** Ids of users' contacts that people or web forms changed, and of contacts that they created. Events about these are not verified. */
  readonly touched = new Set<number>();
  /** Ids of users whose `crm` map the app replaced or removed, so that the sync no longer knows what it wrote. */
  readonly unrecorded = new Set<string>();
  /** Emails that were opted out by hand. Events about the status of users who had one of them are not verified. */
  readonly optedOut = new Set<string>();

  /** @param strangers ids of the contacts that belong to no user. */
  constructor(strangers: readonly number[]) {
    this.#strangers = strangers;
  }

  /** Chooses a change that has not happened yet. A contact that was changed is not deleted later, nor the other way round. */
  next(random: () => number): Change | undefined {
    const kind = KINDS[Math.floor(random() * KINDS.length)] ?? 'contact.changed';
    const free = this.#strangers.filter((id) => {
      const done = this.#done.get(id);
      return !done || (kind !== 'contact.deleted' && !done.has(kind) && !done.has('contact.deleted'));
    });
    const contactId = free[Math.floor(random() * free.length)];
    if (contactId === undefined) return;
    this.#done.set(contactId, (this.#done.get(contactId) ?? new Set()).add(kind));
    return { kind, contactId };
  }

  /** @returns what is wrong with the events: missing, doubled, or about what nobody did by hand. */
  findings(events: readonly CloudEvent[], mapping: Mapping, facts: Facts): string[] {
    const unique = [...new Map(events.map((event) => [event.id, event])).values()];
    const distinct: Shown[] = shown(unique);
    const expected = new Map<string, number>();
    for (const [contactId, kinds] of this.#done)
      for (const kind of kinds) expected.set(`${kind} of contact ${contactId}`, 1);
    const arrived = new Map<string, number>();
    const strangers = new Set(this.#strangers);
    const own = new Set<unknown>(managedTags(mapping));
    const { emailsOf, usersOf, userIdOf, isLost, isTakenOver } = facts;
    // A status belongs to the address: the sync may have opted it out for another user, who had it before.
    const isOptedOut = (email: string) => this.optedOut.has(email) || usersOf(email) > 1;
    const isExplained = ({ type, contactId, subject, status, tagName }: Shown) =>
      this.touched.has(Number(contactId)) ||
      isLost(Number(contactId)) ||
      (type === 'contact.created' && isTakenOver(Number(contactId))) ||
      this.unrecorded.has(String(subject ?? userIdOf(Number(contactId)))) ||
      (tagName !== undefined && !own.has(tagName)) ||
      (status !== undefined && (subject === undefined || [...emailsOf(String(subject))].some(isOptedOut)));
    const echoes: string[] = [];
    for (const [index, event] of distinct.entries()) {
      const contactId = Number(event['contactId']);
      const key = `${event['type']} of contact ${contactId}`;
      if (strangers.has(contactId)) arrived.set(key, (arrived.get(key) ?? 0) + 1);
      else if (!isExplained(event))
        echoes.push(`an event about what the sync wrote, ${unique[index]?.time}: ${JSON.stringify(event)}`);
    }
    const keys = new Set([...expected.keys(), ...arrived.keys()]);
    const wrong = [...keys].flatMap((key) => {
      const times = arrived.get(key) ?? 0;
      const right = expected.get(key) ?? 0;
      return times === right ? [] : [`${times} events instead of ${right}: ${key}`];
    });
    return [...wrong, ...echoes];
  }
}
