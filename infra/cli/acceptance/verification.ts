import type { DeletionPolicy } from '../../../shared/contacts/retire-contact.ts';
import { anonymousEmail } from '../../../shared/infusionsoft/anonymous-body.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { contactField, isStandardField } from '../../../shared/user/contact-fields.ts';
import type { User } from '../../../shared/user/user.ts';
import { type Comparison, compare } from '../preview/comparison.ts';
import { type PreviewContext, previewUser } from '../preview/preview-user.ts';
import type { ChangeKind } from './plan.ts';

/** A difference between the expected and the actual state. */
export interface Deviation {
  userId: string;
  /** The change that was verified. */
  change: ChangeKind;
  /** A field or tag of the mapping, `contact`, or `sync` when the sync did not finish. */
  field: string;
  expected: string | null;
  found: string | null;
}

/** The result of a verification of one user. */
export interface Verified {
  deviations: Deviation[];
  /** Fields that the CRM does not return, so they cannot be verified. */
  notReturned: string[];
}

/** A change after which the user is still in the table. */
export type LiveChange = Exclude<ChangeKind, 'deleted'>;

/**
 * Compares a user's contact with the desired state, field by field and tag by tag.
 *
 * @param requested optional properties that the request for the contact asked for.
 */
export async function verifyUser(
  user: User,
  change: LiveChange,
  contact: Contact | undefined,
  requested: ReadonlySet<string>,
  context: PreviewContext,
): Promise<Verified> {
  const { userId } = user;
  if (!contact) {
    const expected = user.crm?.contactId ? `contact ${user.crm.contactId}` : 'a contact';
    return { deviations: [{ userId, change, field: 'contact', expected, found: null }], notReturned: [] };
  }
  const comparison = compare(userId, contact, await previewUser(user, contact, context), context);
  const isReturned = ({ field }: { field: string }) => {
    if (!isStandardField(field)) return true;
    const { property, shown, kind } = contactField(field);
    if (shown === 'never') return false;
    // Some accounts return plain text properties only on request too.
    const isAlways = shown === 'always' && ['email', 'phone', 'address', 'staff'].includes(kind);
    return isAlways || property in contact || requested.has(property);
  };
  const fields = comparison.fields.filter(isReturned);
  return {
    deviations: [
      ...fields
        .filter(({ current, desired }) => current !== desired)
        .map(({ field, current, desired }) => ({ userId, change, field, expected: desired, found: current })),
      ...tagDeviations(userId, change, comparison.tags),
    ],
    notReturned: comparison.fields.filter((field) => !isReturned(field)).map(({ field }) => field),
  };
}

/**
 * Compares the contact of a deleted user with the state that the deletion policy requires.
 *
 * @param user as it was before its deletion.
 */
export async function verifyDeleted(
  user: User,
  contact: Contact | undefined,
  context: PreviewContext,
): Promise<Deviation[]> {
  const { userId } = user;
  const { deletionPolicy, mapping } = context;
  const change = 'deleted';
  if (deletionPolicy === 'delete')
    return contact
      ? [{ userId, change, field: 'contact', expected: 'deleted', found: `contact ${contact.id}` }]
      : [];
  if (!contact) return [{ userId, change, field: 'contact', expected: 'kept', found: null }];
  const { fields, tags } = compare(userId, contact, await previewUser(user, contact, context), context);
  const currentTags = new Set(tags.filter(({ current }) => current).map(({ tag }) => tag));
  const expected = tagsAfterDeletion(deletionPolicy, mapping.deletedTag.name, tags);
  const names = new Set([...currentTags, ...expected]);
  return [
    ...tagDeviations(
      userId,
      change,
      [...names].map((tag) => ({ tag, current: currentTags.has(tag), desired: expected.has(tag) })),
    ),
    ...(deletionPolicy === 'anonymise' ? notAnonymised(userId, fields, contact.id) : []),
  ];
}

function tagsAfterDeletion(
  policy: Exclude<DeletionPolicy, 'delete'>,
  deletedTag: string,
  before: Comparison['tags'],
): ReadonlySet<string> {
  switch (policy) {
    case 'mark':
    case 'anonymise':
      return new Set([deletedTag]);
    case 'untag':
      return new Set();
    case 'leave':
      return new Set(before.filter(({ desired }) => desired).map(({ tag }) => tag));
  }
}

/** An anonymised contact has an undeliverable email, and no names or numbers. */
function notAnonymised(userId: string, fields: Comparison['fields'], contactId: number): Deviation[] {
  const personal = new Set(['given_name', 'family_name', 'middle_name', 'PHONE1']);
  return fields.flatMap(({ field, current }): Deviation[] => {
    const expected = field === 'EMAIL1' ? anonymousEmail(contactId) : null;
    const isWrong = field === 'EMAIL1' ? current !== expected : personal.has(field) && current !== null;
    return isWrong ? [{ userId, change: 'deleted', field, expected, found: current }] : [];
  });
}

const tagDeviations = (userId: string, change: ChangeKind, tags: Comparison['tags']): Deviation[] =>
  tags
    .filter(({ current, desired }) => current !== desired)
    .map(({ tag, current, desired }) => ({
      userId,
      change,
      field: `tag ${tag}`,
      expected: desired ? 'on' : 'off',
      found: current ? 'on' : 'off',
    }));
