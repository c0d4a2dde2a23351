import type { ContactStore, StoredContact } from './contact-store.ts';

/** Names of what an API client may write. */
export interface Ownership {
  /** Standard fields and array items by path: `given_name`, `email_addresses.EMAIL1`. */
  fields: string[];
  /** Custom fields by label. */
  customFields: string[];
  tags: string[];
  leadSources?: string[] | undefined;
}

/** A write to something that the client does not own. */
export interface ForeignWrite {
  /** Null if something other than a contact was created. */
  contactId: number | null;
  what: string;
}

/** A contact's values and tags at one time. */
type Snapshot = ReadonlyMap<string, string>;

/**
 * Records writes to what the client does not own. Until ownership is declared, only writes to protected contacts count.
 */
export class ForeignWrites {
  readonly found: ForeignWrite[] = [];
  /** Contacts that the client created. */
  readonly #created = new Set<number>();
  /** Contacts that the client has written to. */
  readonly #written = new Set<number>();
  /** Contacts that the client must not write to. */
  readonly #protected = new Set<number>();
  #owned: Ownership | undefined;

  declare(owned: Ownership): void {
    this.#owned = owned;
  }

  /** Counts every write to a contact, and its deletion, as a foreign write. */
  protect(contactId: number): void {
    this.#protected.add(contactId);
  }

  /** Runs a write to a contact and compares the contact before and after. */
  watch<Result>(store: ContactStore, contact: StoredContact, write: () => Result): Result {
    const before = snapshot(store, contact);
    const result = write();
    this.#written.add(contact.id);
    if (this.#protected.has(contact.id))
      this.found.push({ contactId: contact.id, what: 'change of a protected contact' });
    else this.#compare(contact.id, before, snapshot(store, contact));
    return result;
  }

  /** Records that the client created a contact. */
  contactCreated(store: ContactStore, contact: StoredContact): void {
    this.#created.add(contact.id);
    this.#compare(contact.id, new Map(), snapshot(store, contact));
  }

  /**
   * Records that the client deleted a contact. If the client created it, earlier foreign writes to it are dropped: the whole contact was
   * the client's. If the client neither created it nor wrote to it before, the deletion is foreign.
   */
  contactDeleted(contactId: number): void {
    if (this.#created.has(contactId)) {
      const others = this.found.filter((write) => write.contactId !== contactId);
      this.found.splice(0, this.found.length, ...others);
    } else if (this.#protected.has(contactId) || (this.#owned && !this.#written.has(contactId))) {
      this.found.push({ contactId, what: 'deletion of a contact that is not the client’s' });
    }
  }

  /** Records that the client created a tag, custom field, lead source or company. */
  resourceCreated(kind: 'tag' | 'custom field' | 'lead source' | 'company', name: string): void {
    const owned = this.#ownedNames(kind);
    if (owned && !owned.includes(name))
      this.found.push({ contactId: null, what: `creation of ${kind} "${name}"` });
  }

  /** @returns the names that the client may create; undefined: all. A client that owns the company field may create any company. */
  #ownedNames(kind: 'tag' | 'custom field' | 'lead source' | 'company'): string[] | undefined {
    if (kind === 'tag') return this.#owned?.tags;
    if (kind === 'custom field') return this.#owned?.customFields;
    if (kind === 'lead source') return this.#owned?.leadSources;
    return this.#owned?.fields.includes('company') ? undefined : this.#owned && [];
  }

  /** Clears the recorded writes. Ownership stays. */
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
