import { type ContactStore, EMAIL_PATHS } from './contact-store.ts';

/** Which contact keeps its id, and whose values it has afterwards. */
export interface Merge {
  fromId: number;
  /** The surviving contact. */
  intoId: number;
  /** `into`: the survivor keeps its values. `from`: it gets the other's, and keeps its own only where the other has none. */
  values: 'into' | 'from';
}

/**
 * Merges one contact into another, as a person does in the CRM's web interface. The surviving contact gets the tags of both, and the other
 * contact's emails in its free slots. The other contact is deleted, and its id is not found any more.
 *
 * @param now epoch milliseconds.
 * @returns false if a contact does not exist or both are the same.
 */
export function mergeContacts(store: ContactStore, { fromId, intoId, values }: Merge, now: number): boolean {
  const [from, into] = [store.contacts.get(fromId), store.contacts.get(intoId)];
  if (!from || !into || from === into) return false;
  const [winner, other] = values === 'into' ? [into, from] : [from, into];
  const emails = EMAIL_PATHS.map((path) => winner.values.get(path));
  const known = new Set(emails.map((email) => email?.toLowerCase()));
  const moving = EMAIL_PATHS.map((path) => other.values.get(path)).filter(
    (email) => email !== undefined && !known.has(email.toLowerCase()),
  );
  const merged = EMAIL_PATHS.map((path, slot): [string, string] => [
    path,
    emails[slot] ?? moving.shift() ?? '',
  ]);
  // All values of the survivor, because an account can drop array items that an update does not list.
  store.update(into, new Map([...into.values, ...winner.values, ...merged]), now);
  for (const tagId of from.tagIds) into.tagIds.add(tagId);
  store.contacts.delete(fromId);
  return true;
}
