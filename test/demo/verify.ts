import { desiredState } from '../../shared/sync/desired-state.ts';
import { withoutRefused } from '../../shared/sync/refused-fields.ts';
import { type Mapping, managedFields, managedTags } from '../../shared/user/define-mapping.ts';
import { mapping as defaultMapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { ReadableContact } from '../simulator/admin-routes.ts';
import type { ShownContact } from './crm-account.ts';
import { type ExistingContact, HAND_MADE } from './population.ts';
import { pathsOf } from './shown-path.ts';

/** The custom field that names the user of a contact, in the mapping of this repository. */
export const OWNER_PATH = 'custom_fields.App User Id';

/** Result of comparing the CRM with the desired state. */
export interface Verification {
  /** Users whose contact is correct in every field and tag. */
  inSync: number;
  /** Differences as text, with the user id. */
  problems: string[];
  /** Users whose tags are wrong. */
  wrongTags: number;
}

export const ALL_TAGS: readonly string[] = [...managedTags(defaultMapping), ...HAND_MADE.tags];

/** What is compared. */
export interface VerificationInput {
  /** Users of the table. */
  users: readonly User[];
  contacts: readonly ShownContact[];
  /** Contacts that existed before. */
  existing: readonly ExistingContact[];
  /** Contacts of users who were deleted. */
  deletedContactIds: readonly number[];
  /** Epoch milliseconds. */
  now: number;
  mapping?: Mapping;
}

/** Converts a contact of the simulator for {@link verify}. */
export function shownOf({ id, values, customFields, tags }: ReadableContact): ShownContact {
  const custom = Object.entries(customFields).map(
    ([label, value]) => [`custom_fields.${label}`, value] as const,
  );
  return { id, values: new Map([...Object.entries(values), ...custom]), tags: new Set(tags) };
}

/** Compares every user and everything made by hand with the CRM. */
export function verify({
  users,
  contacts,
  existing,
  deletedContactIds,
  now,
  mapping = defaultMapping,
}: VerificationInput): Verification {
  const problems: string[] = [];
  const byId = new Map(contacts.map((contact) => [contact.id, contact]));
  const byEmail = Map.groupBy(contacts, ({ values }) => values.get('email_addresses.EMAIL1')?.toLowerCase());
  let inSync = 0;
  let wrongTags = 0;
  for (const user of users) {
    const found = problemsOf(user, byId, byEmail, now, mapping);
    if (found.length === 0) inSync++;
    problems.push(...found.map(({ text }) => `${user.userId}: ${text}`));
    wrongTags += found.filter(({ isAboutTags }) => isAboutTags).length;
  }
  for (const { phone2, shoeSize } of existing) {
    const kept = contacts.some(
      ({ values, tags }) =>
        values.get('phone_numbers.PHONE2') === phone2 &&
        values.get(`custom_fields.${HAND_MADE.customField}`) === shoeSize &&
        HAND_MADE.tags.every((tag) => tags.has(tag)),
    );
    if (!kept) problems.push('a hand-made phone number, custom field or tag is gone');
  }
  for (const id of deletedContactIds) {
    const tags = managedTags(mapping).filter((tag) => byId.get(id)?.tags.has(tag));
    if (tags.length !== 1 || tags[0] !== mapping.deletedTag.name) {
      problems.push(`contact ${id} of a deleted user holds ${tags.join(', ') || 'no tags'}`);
    }
  }
  return { inSync, problems, wrongTags };
}

function problemsOf(
  user: User,
  byId: ReadonlyMap<number, ShownContact>,
  byEmail: ReadonlyMap<string | undefined, ShownContact[]>,
  now: number,
  mapping: Mapping,
): { text: string; isAboutTags: boolean }[] {
  // For a value that the CRM refuses, the sync leaves out that field only.
  const desired = withoutRefused(desiredState(mapping, user, now), user.crm?.refusedFields);
  const { fields, tags, refused = {} } = desired;
  const contact = byId.get(user.crm?.contactId ?? 0);
  const other = (text: string) => ({ text, isAboutTags: false });
  if (!contact) return [other(`has no contact (crm: ${JSON.stringify(user.crm ?? null)})`)];
  const sharing = byEmail.get(fields.EMAIL1?.toLowerCase()) ?? [];
  const doubles = sharing.map((each) => `${each.id} of ${each.values.get(OWNER_PATH) ?? 'nobody'}`).join();
  const wrongFields = [...managedFields(mapping)].filter((key) => {
    const wanted = (fields as Readonly<Record<string, string>>)[key];
    // A field whose value the CRM refuses keeps what the contact had.
    return !Object.hasOwn(refused, key) && contact.values.get(pathsOf(key)[0] ?? key) !== wanted;
  });
  const held = managedTags(mapping).filter((tag) => contact.tags.has(tag));
  return [
    ...(sharing.length === 1 ? [] : [other(`has ${sharing.length} contacts with its email: ${doubles}`)]),
    ...wrongFields.map((key) => other(`${key} is wrong`)),
    ...(held.sort().join() === [...tags].sort().join()
      ? []
      : [{ text: `holds ${held.join(', ')} instead of ${tags.join(', ')}`, isAboutTags: true }]),
  ];
}
