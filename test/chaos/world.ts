import { PROBE_NAME } from '../../shared/infusionsoft/catalog/detect-array-mode.ts';
import type { User } from '../../shared/user/user.ts';
import { population } from '../demo/population.ts';
import type { PreloadedContact } from '../simulator/admin-routes.ts';
import { type Random, seededRandom } from '../simulator/traffic/random.ts';
import type { ExpectedCount } from './dead-letters.ts';

/** The email of users without a usable one. */
const NO_EMAIL = 'nobody at nowhere';

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
  /** Expected users of the table, by id. */
  readonly users = new Map<string, User>();
  /** Users who had no usable email at some time: the dead letters of their changes. */
  readonly #withoutEmail = new Map<string, ExpectedCount>();
  /** Ids of users whose contact was deleted by hand, or merged into one that is nobody's. The sync does not notice before their next change. */
  readonly drifted = new Set<string>();
  /** Ids of contacts that got the tags of a user by hand, but nothing that says whose they are: nobody can find them again. */
  readonly untraceable = new Set<number>();
  /** Ids of users whose contact was merged with that of another user by hand. Only once: the second time, the sync may give up. */
  readonly merged = new Set<string>();
  /** Ids of users for whom an erasure was requested. */
  readonly forgotten = new Set<string>();
  /** Emails, by user id, of users whom the CRM rejects with 403. */
  readonly forbidden = new Map<string, string>();
  /** Items that the app has read, with their `crm` maps, by user id. */
  readonly readItems = new Map<string, User>();
  changes = 0;
  readonly #futureUsers: User[];
  #later: Step[] = [];

  constructor(seed: number, users: number, now: number) {
    this.random = seededRandom(seed);
    this.#futureUsers = population(users * 2, seed, now).users;
    for (const user of this.#futureUsers.splice(0, users)) this.users.set(user.userId, user);
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
   * Records that a user is created or changed, which sends at most one message.
   *
   * @returns the user as expected afterwards.
   */
  change(user: User, changes: Partial<User> = {}): User {
    const changed = { ...user, ...changes };
    this.users.set(user.userId, changed);
    this.changes++;
    this.expectMessage(changed);
    return changed;
  }

  /** Records that a message about a user is sent: a dead letter if the user has no usable email when it is handled. */
  expectMessage({ userId, email }: User): void {
    const expected = this.#withoutEmail.get(userId);
    if (email === NO_EMAIL) this.#withoutEmail.set(userId, { least: 1, most: (expected?.most ?? 0) + 1 });
    else if (expected) this.#withoutEmail.set(userId, { ...expected, least: 0 });
  }

  /** The dead letters of users without a usable email. @param more messages that are not those of changes, for each user. */
  deadLettersWithoutEmail(more: number): ReadonlyMap<string, ExpectedCount> {
    return new Map(
      [...this.#withoutEmail].map(([userId, { least, most }]) => [userId, { least, most: most + more }]),
    );
  }

  /** Records that a user is deleted. */
  remove(userId: string): void {
    this.users.delete(userId);
    this.readItems.delete(userId);
    this.changes++;
    const expected = this.#withoutEmail.get(userId);
    if (expected) this.#withoutEmail.set(userId, { ...expected, least: 0 });
  }

  /** Users who may meet another one: with an email that works, and without a step that is still to come. */
  sociable(): User[] {
    const busy = new Set(this.#later.flatMap(({ userIds }) => userIds));
    const isSociable = ({ userId, email }: User) =>
      email !== NO_EMAIL && !this.forbidden.has(userId) && !busy.has(userId);
    return [...this.users.values()].filter(isSociable);
  }

  /** A new email, which no other user has. */
  newEmail({ userId }: User): string {
    return `moved.${Math.floor(this.random() * 1_000_000)}.${userId.slice(0, 8)}@example.com`;
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
      () => (this.random() < 0.1 ? { email: NO_EMAIL } : { marketingOptIn: number % 2 === 0 }),
    ];
    return this.pick(kinds)?.() ?? {};
  }
}
