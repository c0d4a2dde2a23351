import { type ContactStore, EMAIL_PATHS } from './contact-store.ts';

/**
 * Merges one contact into another, as a person does in the CRM's web interface. The surviving contact gets the tags, and the emails that
 * fit its free slots. The other contact is deleted and its id leads nowhere.
 *
 * @param now epoch milliseconds.
 * @returns false if a contact does not exist or both are the same.
 */
export function mergeContacts(store: ContactStore, fromId: number, intoId: number, now: number): boolean {
  const [from, into] = [store.contacts.get(fromId), store.contacts.get(intoId)];
  if (!from || !into || from === into) return false;
  for (const tagId of from.tagIds) into.tagIds.add(tagId);
  const emails = new Map<string, string>();
  for (const { values } of [into, from]) {
    for (const email of EMAIL_PATHS.map((path) => values.get(path) ?? '')) {
      if (email && !emails.has(email.toLowerCase())) emails.set(email.toLowerCase(), email);
    }
  }
  const moving = [...emails.values()].filter(
    (email) => !EMAIL_PATHS.some((path) => into.values.get(path) === email),
  );
  const changes = EMAIL_PATHS.map((path): [string, string] => [
    path,
    into.values.get(path) ?? moving.shift() ?? '',
  ]);
  store.update(into, new Map(changes), now);
  store.contacts.delete(fromId);
  return true;
}
