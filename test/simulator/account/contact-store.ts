import type { StrictnessSettings } from '../strictness.ts';
import { EmailAddresses, type EmailStatus } from './email-addresses.ts';

/** Whether an update keeps (`merge`) or removes (`replace`) array items that it does not list. The vendor documents both. */
export type ArrayMode = 'merge' | 'replace';
/** The modes of a create-or-update and of an update by id. No source says that they are the same. */
export interface ArrayModes {
  put: ArrayMode;
  patch: ArrayMode;
}

/** Array properties of a contact. Each item has its own key. */
const ARRAYS = [
  'email_addresses',
  'phone_numbers',
  'fax_numbers',
  'custom_fields',
  'addresses',
  'social_accounts',
] as const;
type ArrayName = (typeof ARRAYS)[number];

/** New values by path: `given_name`, `email_addresses.EMAIL1`, `custom_fields.17`. An empty value removes the old one. */
export type Changes = ReadonlyMap<string, string>;

export interface StoredContact {
  readonly id: number;
  readonly createdAt: number;
  updatedAt: number;
  /** Values by path, never empty. */
  values: Map<string, string>;
  tagIds: AppliedTags;
  /** Status of the first email, by the vendor's name (v1); null without an email. */
  readonly emailStatus: EmailStatus | null;
  /** Earlier versions that a delayed search may still show, newest first. */
  earlier: readonly ContactVersion[];
}

/** Ids of a contact's tags, with the time at which each was applied. */
class AppliedTags extends Set<number> {
  readonly #now: () => number;
  readonly #appliedAt = new Map<number, number>();
  /** When a tag was last applied or removed, in epoch milliseconds. */
  changedAt = 0;

  constructor(now: () => number) {
    super();
    this.#now = now;
  }

  override add(tagId: number): this {
    if (this.has(tagId)) return this;
    this.changedAt = this.#now();
    this.#appliedAt.set(tagId, this.changedAt);
    return super.add(tagId);
  }

  override delete(tagId: number): boolean {
    if (this.has(tagId)) this.changedAt = this.#now();
    return super.delete(tagId);
  }

  appliedAt(tagId: number): number {
    return this.#appliedAt.get(tagId) ?? 0;
  }
}

/** The values of a contact between two updates. */
interface ContactVersion {
  updatedAt: number;
  values: Map<string, string>;
}

/** Longest delay of the search index, in milliseconds. */
export const MAX_SEARCH_DELAY_MS = 60_000;

export interface StoredTag {
  id: number;
  name: string;
  description: string;
  categoryId: number | undefined;
}

export interface StoredTagCategory {
  id: number;
  name: string;
  description: string;
}

export interface StoredCustomField {
  id: number;
  label: string;
  fieldType: string;
  options: readonly CustomFieldOption[];
}

interface CustomFieldOption {
  id: string;
  label: string;
}

export const EMAIL_PATHS = ['email_addresses.EMAIL1', 'email_addresses.EMAIL2', 'email_addresses.EMAIL3'];

/** Contact ids by every email address that the contact has or had. Case-insensitive. */
class EmailIndex {
  readonly #ids = new Map<string, Set<number>>();

  add(email: string, id: number): void {
    const key = email.toLowerCase();
    this.#ids.set(key, (this.#ids.get(key) ?? new Set()).add(id));
  }

  /** Oldest contact first. */
  ids(email: string): number[] {
    return [...(this.#ids.get(email.toLowerCase()) ?? [])].sort((a, b) => a - b);
  }

  clear(): void {
    this.#ids.clear();
  }
}

/** Contacts, tags and custom fields of the account, in memory. */
export class ContactStore {
  readonly contacts = new Map<number, StoredContact>();
  readonly tags = new Map<number, StoredTag>();
  readonly tagCategories = new Map<number, StoredTagCategory>();
  readonly customFields = new Map<number, StoredCustomField>();
  readonly addresses: EmailAddresses;
  readonly arrays: ArrayModes;
  readonly #byEmail = new EmailIndex();
  readonly #now: () => number;
  #lastId = 0;

  /** @param now epoch milliseconds. */
  constructor(
    arrays: ArrayModes,
    strict: Pick<StrictnessSettings, 'statusOfAddress'>,
    now: () => number = Date.now,
  ) {
    this.arrays = arrays;
    this.addresses = new EmailAddresses(strict);
    this.#now = now;
  }

  /** Ids increase by two, so that code that mistakes an array index for an id fails. */
  #nextId(): number {
    this.#lastId += 2;
    return this.#lastId;
  }

  create(changes: Changes, now: number): StoredContact {
    const { addresses } = this;
    const contact: StoredContact = {
      id: this.#nextId(),
      createdAt: now,
      updatedAt: now,
      values: new Map(),
      tagIds: new AppliedTags(this.#now),
      get emailStatus() {
        return addresses.statusOf(this.values.get('email_addresses.EMAIL1'));
      },
      earlier: [],
    };
    this.contacts.set(contact.id, contact);
    this.#write(contact, changes, now);
    return contact;
  }

  /** @param by the kind of update. Undefined: a person's change, which keeps what it does not name. */
  update(contact: StoredContact, changes: Changes, now: number, by?: keyof ArrayModes): void {
    const { updatedAt, values, earlier } = contact;
    // Drops versions that no index shows any more: all before the newest one that every index has.
    const last = earlier.findIndex((version) => version.updatedAt <= now - MAX_SEARCH_DELAY_MS);
    contact.earlier = [{ updatedAt, values }, ...(last < 0 ? earlier : earlier.slice(0, last + 1))];
    contact.values = new Map(values);
    if (by && this.arrays[by] === 'replace') removeUnlisted(contact, changes);
    this.#write(contact, changes, now);
  }

  #write(contact: StoredContact, changes: Changes, now: number): void {
    for (const [path, value] of changes) {
      if (value === '') contact.values.delete(path);
      else contact.values.set(path, value);
      if (value && path.startsWith('email_addresses.')) this.#byEmail.add(value, contact.id);
    }
    const email = contact.values.get('email_addresses.EMAIL1');
    if (changes.get('opt_in_reason') && email) this.addresses.optIn(email);
    contact.updatedAt = now;
  }

  /** Finds the oldest contact with the address in any of its three email slots. Case-insensitive. */
  findByEmail(email: string, name?: { given: string; family: string }): StoredContact | undefined {
    const wanted = email.toLowerCase();
    return this.#byEmail
      .ids(email)
      .map((id) => this.contacts.get(id))
      .find((contact) => {
        if (!contact) return false;
        const { values } = contact;
        const hasEmail = EMAIL_PATHS.some((path) => values.get(path)?.toLowerCase() === wanted);
        return (
          hasEmail &&
          (!name ||
            ((values.get('given_name') ?? '') === name.given &&
              (values.get('family_name') ?? '') === name.family))
        );
      });
  }

  createTag(name: string, description = '', categoryId?: number): StoredTag {
    const tag = { id: this.#nextId(), name, description, categoryId };
    this.tags.set(tag.id, tag);
    return tag;
  }

  createTagCategory(name: string, description: string): StoredTagCategory {
    const category = { id: this.#nextId(), name, description };
    this.tagCategories.set(category.id, category);
    return category;
  }

  createCustomField(label: string, fieldType: string, options: readonly string[] = []): StoredCustomField {
    const id = this.#nextId();
    const field = {
      id,
      label,
      fieldType,
      options: options.map((option, index) => ({ id: `${id}-${index + 1}`, label: option })),
    };
    this.customFields.set(id, field);
    return field;
  }

  /** Deletes everything. Ids are not reused. */
  clear(): void {
    const { contacts, tags, tagCategories, customFields, addresses } = this;
    for (const collection of [contacts, tags, tagCategories, customFields, addresses, this.#byEmail])
      collection.clear();
  }
}

/** Removes all items of each array that an update names. */
function removeUnlisted({ values }: StoredContact, changes: Changes): void {
  const named = new Set([...changes.keys()].map(arrayOf).filter((name) => name !== undefined));
  for (const path of values.keys()) {
    const array = arrayOf(path);
    if (array && named.has(array)) values.delete(path);
  }
}

function arrayOf(path: string): ArrayName | undefined {
  return ARRAYS.find((name) => path.startsWith(`${name}.`));
}
