import { PROBE_NAME } from '../../shared/infusionsoft/catalog/detect-array-mode.ts';
import type { User } from '../../shared/user/user.ts';
import { population } from '../demo/population.ts';
import type { PreloadedContact } from '../simulator/admin-routes.ts';
import { type Random, seededRandom } from '../simulator/traffic/random.ts';

/** The email of users without a usable one. */
export const NO_EMAIL = 'nobody at nowhere';

const STRANGERS = 40;

/** The users and random choices of a run. */
export class World {
  readonly random: Random;
  /** Expected users of the table, by id. */
  readonly users = new Map<string, User>();
  /** Ids of users who had no usable email at some time. */
  readonly withoutEmail = new Set<string>();
  /** Ids of users whose contact was deleted or merged by hand. The sync does not notice before their next change. */
  readonly drifted = new Set<string>();
  /** Emails, by user id, of users whom the CRM rejects with 403. */
  readonly forbidden = new Map<string, string>();
  changes = 0;
  readonly #futureUsers: User[];

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

  /** A random edit, with or without an effect on the CRM. */
  edit({ userId }: User): Partial<User> {
    const number = Math.floor(this.random() * 1_000_000);
    const kinds: (() => Partial<User>)[] = [
      () => ({ firstName: `Zenobia ${number}` }),
      () => ({ lastName: `Featherstone ${number}` }),
      () => ({ phone: this.random() < 0.3 ? undefined : `+1646555${1000 + (number % 9000)}` }),
      () => ({ subscription: { status: this.pick(['trial', 'active', 'cancelled', 'expired'] as const) } }),
      () => ({ progress: { program: 'Running', week: 1 + (number % 12), workoutsCompleted: number } }),
      () => ({ lastActiveAt: new Date(Date.now() - (number % 40) * 86_400_000).toISOString() }),
      () => ({ email: `moved.${number}.${userId.slice(0, 8)}@example.com` }),
      () => (this.random() < 0.1 ? { email: NO_EMAIL } : { marketingOptIn: number % 2 === 0 }),
    ];
    return this.pick(kinds)?.() ?? {};
  }
}
