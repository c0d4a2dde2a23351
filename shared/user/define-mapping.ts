import type { CustomField } from './custom-field.ts';
import type { User } from './user.ts';

/** Addresses of a contact (v1, `ContactAddress`). */
export const ADDRESS_FIELDS = ['BILLING', 'SHIPPING', 'OTHER'] as const;
type AddressField = (typeof ADDRESS_FIELDS)[number];

/** Networks for which a contact has an account name (v1, `SocialAccount`). */
export const SOCIAL_FIELDS = [
  'Facebook',
  'Twitter',
  'LinkedIn',
  'Instagram',
  'Snapchat',
  'YouTube',
  'Pinterest',
] as const;
type SocialField = (typeof SOCIAL_FIELDS)[number];

/** Fields with a text value. */
type TextField =
  | 'EMAIL1'
  | 'given_name'
  | 'middle_name'
  | 'family_name'
  | 'PHONE1'
  | 'job_title'
  | 'website'
  | 'time_zone'
  | 'preferred_locale'
  | 'opt_in_reason'
  /** A date. */
  | 'birthday'
  /** A date. */
  | 'anniversary'
  /** Name of the company. The sync creates the company if the CRM does not have it. */
  | 'company'
  /** Email of the member of staff who owns the contact. With an unknown email, the contact has no owner. */
  | 'owner';

/** Fields whose values are names in the account. The mapping has to list them all. */
type ChoiceField = 'contact_type' | 'lead_source';

/** Fields that contacts have in every account. */
export type StandardField = TextField | ChoiceField | AddressField | SocialField;

/** A custom field, by its label. */
export type CustomKey = `custom_fields.${string}`;

/** A field of the contact: a standard field by its name, or a custom field by its label. */
export type FieldKey = StandardField | CustomKey;

/** Reads a field's value from a user; undefined if the user has none. */
export type Value<Result> = (user: User) => Result | undefined;

/** A postal address. A region needs a country (ISO 3166-1, three letters: `USA`). */
export interface Address {
  line1?: string | undefined;
  line2?: string | undefined;
  locality?: string | undefined;
  region?: string | undefined;
  postal_code?: string | undefined;
  country_code?: string | undefined;
}

/** A choice among names that the account has to have. */
export interface Choice {
  names: readonly string[];
  pick: Value<string>;
}

/** Defines a choice. `pick` can only return names that are listed; others do not compile. */
export function choice<const Names extends readonly string[]>(choice: {
  names: Names;
  pick: Value<Names[number]>;
}): Choice {
  return choice;
}

type ContactMapping = Readonly<
  { EMAIL1: Value<string> } & Partial<
    Record<TextField | SocialField, Value<string>> &
      Record<AddressField, Value<Address>> &
      Record<ChoiceField, Choice>
  >
>;

/** Tags that exclude each other: a contact has at most one of them. */
export interface TagGroup {
  /** The tags of the group with their descriptions, which the sync also writes to the CRM. */
  tags: Readonly<Record<string, string>>;
  /** The tag that a user should have at a moment (`now` in epoch milliseconds). */
  pick(user: User, now: number): string | undefined;
}

export interface Mapping {
  contact: ContactMapping;
  customFields: Readonly<Record<string, CustomField>>;
  /**
   * Label of the custom field that holds the user id. By this field, the sync recognizes whose contact it is after contacts were merged by
   * hand, and finds a contact whose creation was not confirmed. Without it, it knows only the contacts in its own records.
   */
  userIdField?: string;
  tagGroups: readonly TagGroup[];
  /** Whether the tags of a user may change by time alone: the daily refresh checks these users (`now` in epoch milliseconds). */
  isActive(user: User, now: number): boolean;
  /** The tag that a contact gets when its user is deleted. */
  deletedTag: { name: string; description: string };
}

/** Defines a tag group. `pick` can only return tags that are listed; others do not compile. */
export function tagGroup<const Tags extends Readonly<Record<string, string>>>(group: {
  tags: Tags;
  pick(user: User, now: number): (keyof Tags & string) | undefined;
}): TagGroup {
  return group;
}

/**
 * Tags from a list of names.
 *
 * @example describeTags(['Week 1', 'Week 2'], (week) => `In ${week} of a program`)
 */
export function describeTags<const Names extends readonly string[]>(
  names: Names,
  describe: (name: Names[number]) => string,
): Record<Names[number], string> {
  return Object.fromEntries(names.map((name) => [name, describe(name)])) as Record<Names[number], string>;
}

/** Names of all tags that the sync manages: it adds and removes these and no others. */
export function managedTags(mapping: Mapping): string[] {
  return [...mapping.tagGroups.flatMap((group) => Object.keys(group.tags)), mapping.deletedTag.name];
}

/** Keys of all fields that the sync manages: it writes and clears these and no others. */
export function managedFields(mapping: Mapping): ReadonlySet<string> {
  const custom = Object.keys(mapping.customFields).map((label) => `custom_fields.${label}`);
  return new Set([...Object.keys(mapping.contact), ...custom]);
}
