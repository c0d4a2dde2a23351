import type { ContactStore } from './contact-store.ts';

const PATHS = ['email_addresses.EMAIL1', 'email_addresses.EMAIL2', 'email_addresses.EMAIL3'];

/**
 * Merges a contact into another, as a person does in the interface: the survivor takes the tags, and the emails for
 * which it has a free slot; the other is gone, without a pointer to it.
 *
 * @param now epoch milliseconds.
 * @returns whether both exist and differ.
 */
export function mergeContacts(store: ContactStore, fromId: number, intoId: number, now: number): boolean {
  const [from, into] = [store.contacts.get(fromId), store.contacts.get(intoId)];
  if (!from || !into || from === into) return false;
  for (const tagId of from.tagIds) into.tagIds.add(tagId);
  const emails = new Map<string, string>();
  for (const { values } of [into, from]) {
    for (const email of PATHS.map((path) => values.get(path) ?? '')) {
      if (email && !emails.has(email.toLowerCase())) emails.set(email.toLowerCase(), email);
    }
  }
  const moving = [...emails.values()].filter(
    (email) => !PATHS.some((path) => into.values.get(path) === email),
  );
  const changes = PATHS.map((path): [string, string] => [
    path,
    into.values.get(path) ?? moving.shift() ?? '',
  ]);
  store.update(into, new Map(changes), now);
  store.contacts.delete(fromId);
  return true;
}
