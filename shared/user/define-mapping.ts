import type { FieldOfKind, SourceType, StandardField } from './contact-fields.ts';
import type { CustomField } from './custom-field.ts';
import type { User } from './user.ts';

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

/** What the mapping says about a field, by the kind of the field. */
type Source<Field extends StandardField> =
  Field extends FieldOfKind<'address'>
    ? Value<Address>
    : Field extends FieldOfKind<'choice'>
      ? Choice
      : Field extends FieldOfKind<'option'>
        ? Value<SourceType>
        : Value<string>;

type ContactMapping = Readonly<
  { EMAIL1: Value<string> } & { [Field in Exclude<StandardField, 'EMAIL1'>]?: Source<Field> }
>;

/** Tags that exclude each other: a contact has at most one of them. */
export interface TagGroup {
  /** The tags of the group with their descriptions, which the sync also writes to the CRM. */
  tags: Readonly<Record<string, string>>;
  /** The tag that a user should have at a moment (`now` in epoch milliseconds). */
  pick(user: User, now: number): string | undefined;
}

/** The consent to marketing by email. The CRM keeps it for the address, not for the contact: docs/consent.md. */
interface MarketingConsent {
  /** True: the person has consented. False: has not, or has withdrawn the consent. Undefined: the app has not asked, or does not know. */
  given: Value<boolean>;
  /** Why the address is opted in, for the CRM's records. */
  optInReason: string;
  /** Why it is opted out. */
  withdrawalReason: string;
}

/** What comes back from the CRM: the status of the first email address, or the value of a field. */
type InboundField = 'emailStatus' | FieldKey;

export interface Mapping {
  contact: ContactMapping;
  /** If left out, the sync does not change the consent of any address, except that it opts out a person whom it erases. */
  marketingConsent?: MarketingConsent;
  customFields: Readonly<Record<string, CustomField>>;
  /**
   * Label of the custom field that holds the user id. By this field, the sync recognizes whose contact it is after contacts were merged by
   * hand, and finds a contact whose creation was not confirmed. Without it, it knows only the contacts in its own records.
   */
  userIdField?: string;
  tagGroups: readonly TagGroup[];
  /** Whether the tags of a user may change by time alone: the daily refresh checks these users (`now` in epoch milliseconds). */
  isActive(user: User, now: number): boolean;
  /**
   * Fields whose values events contain when a person changes them in the CRM (docs/events.md). `emailStatus` is also stored as
   * `crm.emailStatus` on the user's item.
   */
  inbound?: readonly InboundField[];
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
