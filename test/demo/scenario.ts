import type { User } from '../../shared/user/user.ts';
import type { App } from './app.ts';

/** Writes at the same time. */
const WRITERS = 10;

/** Writes users to the table, several at a time. */
export async function signUpAll(app: App, users: readonly User[]): Promise<void> {
  await inParallel(users, (user) => app.signUp(user));
}

/** A change that a user makes in the app. */
interface Edit {
  userId: string;
  changes: Partial<User>;
}

/** Edits of one day. The position of a user decides the kind of change, so that each kind occurs. */
export function dayOfEdits(users: readonly User[], seed: number): Edit[] {
  return users.flatMap((user, index): Edit[] => {
    const { userId, progress, subscription, email = '' } = user;
    const edit = (changes: Partial<User>) => [{ userId, changes }];
    switch (index % 10) {
      case 0:
      case 1:
        return edit({
          progress: { ...progress, week: ((progress?.week ?? 0) % 12) + 1, completedAt: undefined },
        });
      case 2:
        return edit({ subscription: { status: subscription?.status === 'active' ? 'cancelled' : 'active' } });
      case 3:
        return edit({ firstName: `${user.firstName} Renamed` });
      case 4:
        return edit({ email: email.replace('@', `.moved${seed}@`) });
      case 5:
        return edit({ phone: undefined });
      case 6:
        return edit({ marketingOptIn: !user.marketingOptIn });
      default:
        return [];
    }
  });
}

/** Writes edits, several at a time. */
export async function makeEdits(app: App, edits: readonly Edit[]): Promise<void> {
  await inParallel(edits, ({ userId, changes }) => app.edit(userId, changes));
}

/** Number of edits of one user in a row. Each changes a field and a tag. */
export const BURST = 10;

/** Edits one user as fast as the table allows. */
export async function burstOfEdits(app: App, { userId, progress }: User): Promise<void> {
  for (let edit = 1; edit <= BURST; edit++) {
    await app.edit(userId, {
      firstName: `Burstyn ${edit}`,
      progress: { program: 'Strength', workoutsCompleted: progress?.workoutsCompleted, week: edit },
    });
  }
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}
