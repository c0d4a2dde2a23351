import type { InfusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { desiredState } from '../../shared/sync/desired-state.ts';
import type { TagUsersMessage } from '../../shared/sync/message.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import { type ConsumerOptions, consumerOf, NOW, record } from './consumer-under-test.ts';
import { crm } from './crm-for-each-test.ts';
import { memoryUserTable } from './crm-under-test.ts';
import { userMessage } from './user-message.ts';

const STATUSES = ['trial', 'active', 'cancelled', 'expired'] as const;
export const userAt = (index: number): User => ({
  userId: `u${index}`,
  email: `u${index}@example.com`,
  subscription: { status: STATUSES[index % 4] },
  progress: { program: 'Strength', week: 1 + (index % 12) },
  lastActiveAt: '2026-06-15T09:00:00Z',
});
export const usersUpTo = (count: number): User[] =>
  Array.from({ length: count }, (_, index) => userAt(index));
/** As in a backfill's message about a user whose tags are left to a tag job. */
export const LATER = { cause: 'backfill', tagsLater: true } as const;

let groups = 0;
/** A message about the tags of many users. @param sentAt epoch milliseconds. */
export const tagJob = (userIds: readonly string[], deliveries = 1, sentAt = NOW) => {
  groups++;
  const message: TagUsersMessage = {
    version: 1,
    kind: 'tag-users',
    userIds: [...userIds],
    changedAt: new Date(sentAt).toISOString(),
    correlationId: 'run-1',
  };
  const each = record(message, `tags:${groups}`);
  each.attributes.ApproximateReceiveCount = String(deliveries);
  return each;
};

/** Users with contacts and without tags, as a backfill leaves them before the tag job. */
export async function withContacts(count: number, options: ConsumerOptions = {}) {
  const users = memoryUserTable(...usersUpTo(count));
  const consumer = consumerOf(crm, users, options);
  for (const { userId } of usersUpTo(count)) await consumer.receive(record(userMessage(userId, LATER)));
  return { users, ...consumer, ids: usersUpTo(count).map(({ userId }) => userId) };
}
export type Table = ReturnType<typeof memoryUserTable>;

/** Users whose contacts do not have the right tags. */
export async function wronglyTagged(users: Table): Promise<string[]> {
  const contacts = new Map((await crm.contacts()).map((contact) => [contact.id, contact]));
  return [...users.rows.keys()].filter((userId) => {
    const user = users.user(userId);
    const tags = contacts
      .get(user.crm?.contactId ?? 0)
      ?.tags.toSorted()
      .join();
    return tags !== desiredState(mapping, user, NOW).tags.toSorted().join();
  });
}

/** A client that runs something during its first request of a kind. */
export function during(
  name: 'tagContacts' | 'untagContacts',
  run: () => Promise<unknown>,
  when: 'before' | 'after' = 'before',
): InfusionsoftClient {
  let hasRun = false;
  const wrapped = async (tagId: number, ids: readonly number[]) => {
    const first = !hasRun;
    hasRun = true;
    if (first && when === 'before') await run();
    const answer = await (crm.client[name] as (...all: unknown[]) => Promise<unknown>)(tagId, ids);
    if (first && when === 'after') await run();
    return answer;
  };
  return { ...crm.client, [name]: wrapped } as InfusionsoftClient;
}
