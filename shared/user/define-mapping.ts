import type { CustomField } from './custom-field.ts';
import type { User } from './user.ts';

/** Addresses of a contact (v1, `ContactAddress`). */
export const ADDRESS_FIELDS = ['BILLING', 'SHIPPING', 'OTHER'] as const;
type AddressField = (typeof ADDRESS_FIELDS)[number];

/** Networks of which a contact holds an account name (v1, `SocialAccount`). */
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

/** Fields that the CRM takes as one text. */
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
  /** Name of the company: the CRM's company of that name, made if there is none. */
  | 'company'
  /** Email of the member of staff who owns the contact. Nobody with that email: no owner. */
  | 'owner';

/** Fields whose values the account knows by name: the mapping has to list them all. */
type ChoiceField = 'contact_type' | 'lead_source';

/** Fields of a contact that every account has. */
export type StandardField = TextField | ChoiceField | AddressField | SocialField;

/** A custom field, by its label. */
export type CustomKey = `custom_fields.${string}`;

/** A field of the contact: a standard one by its name, a custom one by its label. */
export type FieldKey = StandardField | CustomKey;

/** A value for a field, or nothing where the user has none. */
export type Value<Result> = (user: User) => Result | undefined;

/** A postal address. The CRM wants a country (ISO 3166-1, three letters: `USA`) wherever there is a region. */
export interface Address {
  line1?: string | undefined;
  line2?: string | undefined;
  locality?: string | undefined;
  region?: string | undefined;
  postal_code?: string | undefined;
  country_code?: string | undefined;
}

/** One of several names that the account has to know. */
export interface Choice {
  names: readonly string[];
  pick: Value<string>;
}

/** A choice. `pick` can only return a name that the choice lists: anything else does not compile. */
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

/** Tags of which a contact holds one at most. */
export interface TagGroup {
  /** Every tag of the group with its rule in words, which becomes the tag's description in the CRM. */
  tags: Readonly<Record<string, string>>;
  /** The tag that a user should hold at a moment (`now` in epoch milliseconds). */
  pick(user: User, now: number): string | undefined;
}

export interface Mapping {
  contact: ContactMapping;
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
