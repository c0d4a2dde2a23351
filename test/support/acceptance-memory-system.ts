import type { TestedSystem } from '../../infra/cli/acceptance/system.ts';
import type { Contact } from '../../shared/infusionsoft/schemas.ts';
import type { User } from '../../shared/user/user.ts';

/** Answers of the CRM to a clean-up, in place of those that fit the contacts in memory. */
interface Answers {
  read?: (contactId: number) => Contact | undefined;
  search?: (email: string) => Contact[];
}

/** A system in memory, in which the sync retires each deleted user at once. */
export function memorySystem(users: readonly User[], contacts: readonly Contact[], answers: Answers = {}) {
  const rows = new Map(users.map((user) => [user.userId, user]));
  const inCrm = new Map(contacts.map((contact) => [contact.id, contact]));
  const items = new Map<string, string>();
  const deleted: number[] = [];
  const system: TestedSystem = {
    app: {
      create: async (user) => void rows.set(user.userId, user),
      edit: async (user) => void rows.set(user.userId, user),
      async remove(userId) {
        if (rows.get(userId)?.crm?.contactId) items.set(`retired#${userId}`, userId);
        rows.delete(userId);
      },
      read: async (userIds) => userIds.flatMap((userId) => rows.get(userId) ?? []),
    },
    crm: {
      read: async (contactId) => (answers.read ? answers.read(contactId) : inCrm.get(contactId)),
      search: async (email) =>
        answers.search?.(email) ??
        [...inCrm.values()].filter((contact) => JSON.stringify(contact).includes(email)),
      async remove(contactId) {
        deleted.push(contactId);
        inCrm.delete(contactId);
      },
      requested: () => new Set(),
      requests: () => 0,
    },
    sync: {
      context: async () => undefined,
      erasureRecord: async (userId) =>
        items.has(`retired#${userId}`) ? { userId, done: 'mark', doneAt: '2027-01-01T00:00:00Z' } : undefined,
      itemsAbout: async (prefix) => [...items].filter(([, id]) => id.startsWith(prefix)).map(([key]) => key),
      async removeItem(key, prefix) {
        if (items.get(key)?.startsWith(prefix)) items.delete(key);
      },
    },
  };
  return { system, rows, items, inCrm, deleted };
}
