import type { ContactStore, StoredContact } from './contact-store.ts';

/** What a program may write. Names, not ids. */
export interface Ownership {
  /** Standard fields and array items by path: `given_name`, `email_addresses.EMAIL1`. */
  fields: string[];
  /** Custom fields by label. */
  customFields: string[];
  tags: string[];
  leadSources?: string[] | undefined;
}

/** A write to something that the program does not own. */
export interface ForeignWrite {
  /** None where a tag or a custom field was created. */
  contactId: number | null;
  what: string;
}

/** A contact at one moment. */
type Snapshot = ReadonlyMap<string, string>;

/**
 * Watches writes and keeps those that touch what the program does not own. Without ownership only writes to protected contacts are
 * foreign.
 */
export class ForeignWrites {
  readonly found: ForeignWrite[] = [];
  /** Contacts that a program has created. */
  readonly #made = new Set<number>();
  /** Contacts that a program has written to. */
  readonly #written = new Set<number>();
  /** Contacts that no program may write to. */
  readonly #protected = new Set<number>();
  #owned: Ownership | undefined;

  declare(owned: Ownership): void {
    this.#owned = owned;
  }

  /** Makes every write to a contact, and its deletion, a foreign write. */
  protect(contactId: number): void {
    this.#protected.add(contactId);
  }

  /** Does a write to a contact and compares it before and after. */
  watch<Result>(store: ContactStore, contact: StoredContact, write: () => Result): Result {
    const before = snapshot(store, contact);
    const result = write();
    this.#written.add(contact.id);
    if (this.#protected.has(contact.id))
      this.found.push({ contactId: contact.id, what: 'change of a stranger' });
    else this.#compare(contact.id, before, snapshot(store, contact));
    return result;
  }

  /** Notes a contact that a program has just made. */
  made(store: ContactStore, contact: StoredContact): void {
    this.#made.add(contact.id);
    this.#compare(contact.id, new Map(), snapshot(store, contact));
  }

  /**
   * Notes a contact that a program has deleted. What programs have made was theirs, whole: nothing of it was foreign. A contact that no
   * program has made, nor written to before, is a stranger's.
   */
  removed(contactId: number): void {
    if (this.#made.has(contactId)) {
      const others = this.found.filter((found) => found.contactId !== contactId);
      this.found.splice(0, this.found.length, ...others);
    } else if (this.#protected.has(contactId) || (this.#owned && !this.#written.has(contactId))) {
      this.found.push({ contactId, what: 'deletion of a stranger' });
    }
  }

  /** Notes something that a program has created beside contacts. */
  created(kind: 'tag' | 'custom field' | 'lead source' | 'company', name: string): void {
    const owned = this.#ownedOf(kind);
    if (owned && !owned.includes(name))
      this.found.push({ contactId: null, what: `creation of ${kind} "${name}"` });
  }

  /** Companies are made as users name them: whoever owns the field of the contact may make them. */
  #ownedOf(kind: 'tag' | 'custom field' | 'lead source' | 'company'): string[] | undefined {
    if (kind === 'tag') return this.#owned?.tags;
    if (kind === 'custom field') return this.#owned?.customFields;
    if (kind === 'lead source') return this.#owned?.leadSources;
    return this.#owned?.fields.includes('company') ? undefined : this.#owned && [];
  }

  /** Forgets what was found; what is owned stays. */
  reset(): void {
    this.found.length = 0;
  }

  #compare(contactId: number, before: Snapshot, after: Snapshot): void {
    if (!this.#owned) return;
    const { fields, customFields, tags } = this.#owned;
    const owned = new Set([
      ...fields,
      ...customFields.map((label) => `custom field "${label}"`),
      ...tags.map((name) => `tag "${name}"`),
    ]);
    for (const what of new Set([...before.keys(), ...after.keys()])) {
      if (before.get(what) !== after.get(what) && !owned.has(what)) this.found.push({ contactId, what });
    }
  }
}

function snapshot(store: ContactStore, { values, tagIds }: StoredContact): Snapshot {
  const named = [...values].map(([path, value]): [string, string] => {
    const [array, key] = path.split('.');
    const label = array === 'custom_fields' ? store.customFields.get(Number(key))?.label : undefined;
    return [label === undefined ? path : `custom field "${label}"`, value];
  });
  const tags = [...tagIds].map((id): [string, string] => [`tag "${store.tags.get(id)?.name ?? id}"`, 'on']);
  return new Map([...named, ...tags]);
}
