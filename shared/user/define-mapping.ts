import type { User } from './user.ts';

/** Fields of a contact that every account has, by their names in the CRM's API. */
export type StandardField =
  | 'EMAIL1'
  | 'given_name'
  | 'family_name'
  | 'PHONE1'
  | 'time_zone'
  | 'preferred_locale'
  | 'opt_in_reason';

/** The field types that the sync can write and create (`POST /contacts/model/customFields`, v1). */
export type CustomFieldType = 'Text' | 'Date' | 'WholeNumber';

/** A custom field, by its label. */
export type CustomKey = `custom_fields.${string}`;

/** A field of the contact: a standard one by its name, a custom one by its label. */
export type FieldKey = StandardField | CustomKey;

/** A value for a field, or nothing where the user has none. */
type Value<Result> = (user: User) => Result | undefined;

interface CustomField {
  type: CustomFieldType;
  value: Value<string | number>;
}

/** Tags of which a contact holds one at most. */
export interface TagGroup {
  /** Every tag of the group with its rule in words, which becomes the tag's description in the CRM. */
  tags: Readonly<Record<string, string>>;
  /** The tag that a user should hold at a moment (`now` in epoch milliseconds). */
  pick(user: User, now: number): string | undefined;
}

export interface Mapping {
  contact: Readonly<Record<StandardField, Value<string>>>;
  customFields: Readonly<Record<string, CustomField>>;
  tagGroups: readonly TagGroup[];
  /**
   * Whether a user is one whose tags time alone may change: those are looked at again by the daily refresh
   * (`now` in epoch milliseconds).
   */
  isActive(user: User, now: number): boolean;
  /** The tag that a contact gets when its user is deleted, and its meaning in words. */
  deletedTag: { name: string; description: string };
}

/** A group of tags. `pick` can only return a tag that the group lists: anything else does not compile. */
export function tagGroup<const Tags extends Readonly<Record<string, string>>>(group: {
  tags: Tags;
  pick(user: User, now: number): (keyof Tags & string) | undefined;
}): TagGroup {
  return group;
}

/** Names of all tags that the sync owns: it adds and removes these and no others. */
export function managedTags(mapping: Mapping): string[] {
  return [...mapping.tagGroups.flatMap((group) => Object.keys(group.tags)), mapping.deletedTag.name];
}

/** Keys of all fields that the sync owns: it writes and clears these and no others. */
export function managedFields(mapping: Mapping): ReadonlySet<string> {
  const custom = Object.keys(mapping.customFields).map((label) => `custom_fields.${label}`);
  return new Set([...Object.keys(mapping.contact), ...custom]);
}
