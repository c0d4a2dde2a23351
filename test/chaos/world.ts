import { PROBE_NAME } from '../../shared/infusionsoft/catalog/detect-array-modes.ts';
import type { User } from '../../shared/user/user.ts';
import { population } from '../demo/population.ts';
import type { PreloadedContact } from '../simulator/admin-routes.ts';
import { type Random, seededRandom } from '../simulator/traffic/random.ts';

/** Emails that no CRM can take. */
const UNUSABLE_EMAILS = ['nobody at nowhere', 'nobody@localhost', `nobody@${'long.'.repeat(14)}example.com`];
/** Forms of an email that the CRM accepts: all characters that HTML allows, and international domains, in their ASCII form or not. */
const EMAIL_FORMS: readonly ((name: string) => string)[] = [
  (name) => `${name}@example.com`,
  (name) => `${name}&co!@example.com`,
  (name) => `o'${name}+tag@mail.example.com`,
  (name) => `${name}#$%*/=?^{|}~-_@example.com`,
  (name) => `${name}@xn--bcher-kva.example`,
  (name) => `${name}@bücher.example`,
  (name) => `${name}@例え.example`,
];

/** The account of a run refuses values that contain this text. */
export const REFUSED_PROGRAM = 'Forbidden Program';

const STRANGERS = 40;

/** A part of an action that happens later. */
interface Step {
  /** Epoch milliseconds. */
  dueAt: number;
  /** Users whom no other action may involve with another user until then. */
  userIds: readonly string[];
  run: () => Promise<void>;
}

/** The users and random choices of a run. */
export class World {
  readonly random: Random;
  /** Users at the start. */
  readonly initialUsers: number;
  /** Expected users of the table, by id. */
  readonly users = new Map<string, User>();
  /** Ids of users whose email became unusable. No action touches them afterwards, so each has one dead letter. */
  readonly rejected = new Set<string>();
  /** Names of messages that the system cannot read. Each becomes one dead letter. */
  readonly unreadable = new Set<string>();
  /** Emails of users because of whom the CRM refuses a request about one tag of many contacts. */
  readonly bulkRefusals = new Set<string>();
  /** Fields in which a user has had a value that the CRM refuses. The sync may leave out no other field. */
  readonly refusable = new Set<string>();
  /**
   * Ids of users whose contact was deleted by hand, or merged into one that belongs to no user. The sync notices that with their next
   * change, and finds the other contact by the emails that it wrote. So no action takes their `crm` map while it changes the email.
   */
  readonly drifted = new Set<string>();
  /** Ids of contacts that a web form created. */
  readonly forms = new Set<number>();
  /** Ids of contacts that got the tags of a user by a merge, but nothing that names the user: the sync cannot find them. */
  readonly untraceable = new Set<number>();
  /** Ids of users whose contact was merged with that of another user by hand. No action merges it again: then the sync may give up. */
  readonly merged = new Set<string>();
  /**
   * Emails, in lower case, that were opted out while the sync was working on their user: an opt-out between its read and its opt-in is
   * undone (docs/consent.md).
   */
  readonly optedOutMeanwhile = new Set<string>();
  /** Ids of users who have left and signed up again. Their last changes before that may never have reached the earlier contact. */
  readonly recreated = new Set<string>();
  /** Ids of users for whom an erasure was requested. */
  readonly forgotten = new Set<string>();
  /** Emails, by user id, of users whom the CRM rejects with 403. */
  readonly forbidden = new Map<string, string>();
  /** Emails, by user id, of users for whose contacts the CRM fails. */
  readonly failing = new Map<string, string>();
  /** Items that the app has read, with their `crm` maps, by user id. */
  readonly readItems = new Map<string, User>();
  changes = 0;
  /** Emails that each user had, in lower case, by user id. */
  readonly #emails = new Map<string, Set<string>>();
  readonly #futureUsers: User[];
  #later: Step[] = [];

  constructor(seed: number, users: number, now: number) {
    this.random = seededRandom(seed);
    this.initialUsers = users;
    this.#futureUsers = population(users * 2, seed, now).users;
    for (const user of this.#futureUsers.splice(0, users)) this.#add(user);
  }

  #add(user: User): void {
    this.users.set(user.userId, user);
    const emails = this.#emails.get(user.userId) ?? new Set();
    if (user.email) emails.add(user.email.toLowerCase());
    this.#emails.set(user.userId, emails);
  }

  /** Ids of the users who had an email. */
  userIdsOf(email: string): string[] {
    return [...this.#emails].flatMap(([userId, emails]) => (emails.has(email.toLowerCase()) ? [userId] : []));
  }

  /** The emails that a user had, in lower case. */
  emailsOf(userId: string): ReadonlySet<string> {
    return this.#emails.get(userId) ?? new Set();
  }

  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.random() * items.length)];
  }

  /** Contacts of other people, which the sync must not touch. A search that is not exact finds them for users or for the sync's probe. */
  strangers(): PreloadedContact[] {
    return [...this.users.values()].slice(0, STRANGERS).map(({ email, firstName = 'Ann' }, index) => ({
      values: {
        'email_addresses.EMAIL1': index % 2 === 0 ? `${email}.au` : `not.${email}`,
        [`email_addresses.EMAIL${2 + (index % 2)}`]: `${index}.${email}`,
        ...(index % 3 === 0 ? PROBE_NAME : { given_name: firstName }),
      },
      tags: ['VIP'],
      stranger: true,
    }));
  }

  nextUser(): User | undefined {
    return this.#futureUsers.pop();
  }

  /**
   * Records that a user is created or changed.
   *
   * @returns the user as expected afterwards.
   */
  change(user: User, changes: Partial<User> = {}): User {
    const changed = { ...user, ...changes };
    this.#add(changed);
    this.changes++;
    return changed;
  }

  /** Records that a user is deleted. */
  remove(userId: string): void {
    this.users.delete(userId);
    this.readItems.delete(userId);
    this.changes++;
  }

  /** Records that a user gets an email that no CRM can take. @returns the email. */
  breakEmail({ userId }: User): string {
    this.rejected.add(userId);
    return this.pick(UNUSABLE_EMAILS) ?? '';
  }

  /** Users whom an action may change. */
  changeable(): User[] {
    return [...this.users.values()].filter(({ userId }) => !this.rejected.has(userId));
  }

  /** Users whom an action may involve with another user: they have an email, and no step of theirs is still to come. */
  availableForPairs(): User[] {
    const busy = new Set(this.#later.flatMap(({ userIds }) => userIds));
    const isSociable = ({ userId, email }: User) =>
      email && ![busy, this.drifted, this.forbidden].some((others) => others.has(userId));
    return this.changeable().filter(isSociable);
  }

  /** A new email, which no other user has. */
  newEmail({ userId }: User): string {
    const form = this.pick(EMAIL_FORMS) ?? String;
    return form(`moved.${Math.floor(this.random() * 1_000_000)}.${userId.slice(0, 8)}`);
  }

  /** Runs a step later. @param afterMs milliseconds from `now` (epoch milliseconds). */
  later(now: number, afterMs: number, userIds: readonly string[], run: () => Promise<void>): void {
    this.#later.push({ dueAt: now + afterMs, userIds, run });
  }

  /** Runs the steps that are due, the earliest first. @param now epoch milliseconds. */
  async runDue(now: number): Promise<void> {
    const due = this.#later.filter(({ dueAt }) => dueAt <= now).sort((a, b) => a.dueAt - b.dueAt);
    for (const step of due) {
      await step.run();
      this.#later = this.#later.filter((each) => each !== step);
    }
  }

  /** A random edit, with or without an effect on the CRM. */
  edit(user: User): Partial<User> {
    const number = Math.floor(this.random() * 1_000_000);
    const kinds: (() => Partial<User>)[] = [
      () => ({ firstName: `Zenobia ${number}` }),
      () => ({ lastName: `Featherstone ${number}` }),
      () => ({ phone: this.random() < 0.3 ? undefined : `+1646555${1000 + (number % 9000)}` }),
      () => ({ subscription: { status: this.pick(['trial', 'active', 'cancelled', 'expired'] as const) } }),
      () => ({ progress: { program: 'Running', week: 1 + (number % 12), workoutsCompleted: number } }),
      () => ({ lastActiveAt: new Date(Date.now() - (number % 40) * 86_400_000).toISOString() }),
      () => ({ email: this.newEmail(user) }),
      () => ({ marketingOptIn: number % 2 === 0 }),
    ];
    return this.pick(kinds)?.() ?? {};
  }
}
