import type { DeletionPolicy } from '../../../shared/contacts/retire-contact.ts';
import { anonymousEmail } from '../../../shared/infusionsoft/anonymous-body.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { SOCIAL_FIELDS } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { type Comparison, compare } from '../preview/comparison.ts';
import { type PreviewContext, previewUser } from '../preview/preview-user.ts';
import type { ChangeKind } from './plan.ts';

/** Something that is not as it should be. */
export interface Deviation {
  userId: string;
  /** After which change. */
  change: ChangeKind;
  /** A field or tag of the mapping, `contact`, or `sync` where the sync did not finish. */
  field: string;
  expected: string | null;
  found: string | null;
}

/** What a verification found for one user. */
export interface Verified {
  deviations: Deviation[];
  /** Fields that the CRM does not return, so that nobody can verify them. */
  notReturned: string[];
}

/** Networks that can be written and are never returned (v1 contract, `SocialAccount`). */
const NEVER_RETURNED: ReadonlySet<string> = new Set(
  SOCIAL_FIELDS.filter((network) => !['Facebook', 'Twitter', 'LinkedIn'].includes(network)),
);

/** A change after which a user is still in the table. */
export type LiveChange = Exclude<ChangeKind, 'deleted'>;

/**
 * Compares a user's contact with what the mapping asks for, field by field and tag by tag.
 *
 * @param requested optional properties that the request for the contact named.
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
  const isReturned = ({ field }: { field: string }) =>
    !NEVER_RETURNED.has(field) && (!PLAIN_FIELDS.has(field) || field in contact || requested.has(field));
  const fields = comparison.fields.filter(isReturned);
  return {
    deviations: [
      ...fields
        .filter(({ shown, wanted }) => shown !== wanted)
        .map(({ field, shown, wanted }) => ({ userId, change, field, expected: wanted, found: shown })),
      ...tagDeviations(userId, change, comparison.tags),
    ],
    notReturned: comparison.fields.filter((field) => !isReturned(field)).map(({ field }) => field),
  };
}

/** Fields that are a property of the contact by the same name. Some accounts return them only when a request names them. */
export const PLAIN_FIELDS: ReadonlySet<string> = new Set([
  'given_name',
  'middle_name',
  'family_name',
  'job_title',
  'website',
  'time_zone',
  'preferred_locale',
  'birthday',
  'anniversary',
  'company',
  'contact_type',
]);

/**
 * Compares the contact of a deleted user with what the deletion policy asks for.
 *
 * @param user as it was before it was deleted.
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
  const held = new Set(tags.filter(({ shown }) => shown).map(({ tag }) => tag));
  const expected = tagsAfterDeletion(deletionPolicy, mapping.deletedTag.name, tags);
  const names = new Set([...held, ...expected]);
  return [
    ...tagDeviations(
      userId,
      change,
      [...names].map((tag) => ({ tag, shown: held.has(tag), wanted: expected.has(tag) })),
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
      return new Set(before.filter(({ wanted }) => wanted).map(({ tag }) => tag));
  }
}

/** Of an anonymised contact, the email is the one that reaches nobody, and names and numbers are gone. */
function notAnonymised(userId: string, fields: Comparison['fields'], contactId: number): Deviation[] {
  const personal = new Set(['given_name', 'family_name', 'middle_name', 'PHONE1']);
  return fields.flatMap(({ field, shown }): Deviation[] => {
    const expected = field === 'EMAIL1' ? anonymousEmail(contactId) : null;
    const isWrong = field === 'EMAIL1' ? shown !== expected : personal.has(field) && shown !== null;
    return isWrong ? [{ userId, change: 'deleted', field, expected, found: shown }] : [];
  });
}

const tagDeviations = (userId: string, change: ChangeKind, tags: Comparison['tags']): Deviation[] =>
  tags
    .filter(({ shown, wanted }) => shown !== wanted)
    .map(({ tag, shown, wanted }) => ({
      userId,
      change,
      field: `tag ${tag}`,
      expected: wanted ? 'on' : 'off',
      found: shown ? 'on' : 'off',
    }));
