import { EmailIndex } from './email-index.ts';

/** Whether array items that an update does not list stay or go: the vendor says both, of v1 and v2. */
export type ArrayMode = 'merge' | 'replace';

/** Properties of a contact that hold items with a key of their own. */
const ARRAYS = [
  'email_addresses',
  'phone_numbers',
  'fax_numbers',
  'custom_fields',
  'addresses',
  'social_accounts',
] as const;
type ArrayName = (typeof ARRAYS)[number];

/** A value at a path: `given_name`, `email_addresses.EMAIL1`, `custom_fields.17`. An empty one takes it away. */
export type Changes = ReadonlyMap<string, string>;

export interface StoredContact {
  readonly id: number;
  readonly createdAt: number;
  updatedAt: number;
  /** Values by path, never empty. */
  values: Map<string, string>;
  tagIds: Set<number>;
  emailStatus: string;
}

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

const SLOTS = ['EMAIL1', 'EMAIL2', 'EMAIL3'];

/** Statuses of an email address that a reason for the opt-in makes marketable; all others stay (v1). */
const OPT_IN_CHANGES = new Set(['UnengagedMarketable', 'UnengagedNonMarketable', 'NonMarketable', 'Manual']);

/** The CRM's data: contacts, tags and custom fields in memory. */
export class ContactStore {
  readonly contacts = new Map<number, StoredContact>();
  readonly tags = new Map<number, StoredTag>();
  readonly tagCategories = new Map<number, StoredTagCategory>();
  readonly customFields = new Map<number, StoredCustomField>();
  readonly arrays: ArrayMode;
  readonly #byEmail = new EmailIndex();
  #lastId = 0;

  constructor(arrays: ArrayMode) {
    this.arrays = arrays;
  }

  /** Ids rise by more than one, so that nobody takes an index for an id. */
  #nextId(): number {
    this.#lastId += 2;
    return this.#lastId;
  }

  create(changes: Changes, now: number): StoredContact {
    const contact: StoredContact = {
      id: this.#nextId(),
      createdAt: now,
      updatedAt: now,
      values: new Map(),
      tagIds: new Set(),
      emailStatus: 'NonMarketable',
    };
    this.contacts.set(contact.id, contact);
    this.update(contact, changes, now);
    return contact;
  }

  update(contact: StoredContact, changes: Changes, now: number): void {
    if (this.arrays === 'replace') {
      const named = new Set([...changes.keys()].map(arrayOf).filter((name) => name !== undefined));
      for (const path of contact.values.keys()) {
        const array = arrayOf(path);
        if (array && named.has(array)) contact.values.delete(path);
      }
    }
    for (const [path, value] of changes) {
      if (value === '') contact.values.delete(path);
      else contact.values.set(path, value);
      if (value && path.startsWith('email_addresses.')) this.#byEmail.add(value, contact.id);
    }
    if (changes.get('opt_in_reason') && OPT_IN_CHANGES.has(contact.emailStatus))
      contact.emailStatus = 'SingleOptIn';
    contact.updatedAt = now;
  }

  /** The oldest contact that has the address in any of its three slots; the case of letters does not count. */
  findByEmail(email: string, name?: { given: string; family: string }): StoredContact | undefined {
    const wanted = email.toLowerCase();
    return this.#byEmail
      .ids(email)
      .map((id) => this.contacts.get(id))
      .find((contact) => {
        if (!contact) return false;
        const { values } = contact;
        const holds = SLOTS.some((slot) => values.get(`email_addresses.${slot}`)?.toLowerCase() === wanted);
        return (
          holds &&
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

  /** Forgets everything but the last id, so that no id comes a second time. */
  clear(): void {
    for (const kept of [this.contacts, this.tags, this.tagCategories, this.customFields, this.#byEmail])
      kept.clear();
  }
}

function arrayOf(path: string): ArrayName | undefined {
  return ARRAYS.find((name) => path.startsWith(`${name}.`));
}
