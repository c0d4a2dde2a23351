import { type Catalog, tagIds as tagIdsOf } from '../infusionsoft/catalog/catalog.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import type { ContactFields, DesiredState } from '../sync/desired-state.ts';
import { fingerprintOf, isEmptyPlan, planFields, UNCERTAIN } from '../sync/plan.ts';
import type { CustomKey, Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';
import type { Claims } from './claims.ts';
import { ConflictError } from './conflict.ts';
import { userIdIn } from './ownership.ts';
import type { Target } from './resolve.ts';
import { type WriteContactDependencies, writeContact } from './write-contact.ts';

export interface WriteFieldsDependencies extends WriteContactDependencies {
  claims: Pick<Claims, 'claimContact'>;
  mapping: Mapping;
}

export interface FieldWrite {
  userId: string;
  crm: CrmState;
  desired: DesiredState;
  catalog: Catalog;
  target: Target;
  /** The same contact may have been created before. */
  isRepeated: boolean;
}

export interface WrittenContact {
  contactId: number;
  /** Tags in the CRM's answer. */
  observed: readonly number[] | undefined;
  /** The sync had written the contact for a user who no longer has it. */
  isInherited: boolean;
  /** Others have changed the contact: a merge by hand, most likely. */
  isChanged: boolean;
}

/** Writes the fields, unless all are right. A contact that was found or created by the email is claimed afterwards. */
export async function writeFields(
  write: FieldWrite,
  dependencies: WriteFieldsDependencies,
): Promise<WrittenContact> {
  const { userId, crm, desired, catalog, target, isRepeated } = write;
  const managed = usableFields(dependencies.mapping, catalog);
  const plan = planFields(desired.fields, crm.fingerprint ?? {}, managed);
  if (target.kind === 'update' && isEmptyPlan(plan))
    return { contactId: target.contactId, observed: undefined, isInherited: false, isChanged: false };

  const contact = await writeContact(target, plan, catalog, dependencies);
  const result = {
    contactId: contact.id,
    observed: contact.tag_ids ?? undefined,
    isInherited: false,
    isChanged: false,
  };
  if (target.kind === 'update') {
    // A state of which nothing is certain has all values written, the user id among them.
    const isWhole = plan.write[userIdKey(dependencies.mapping)] !== undefined;
    return {
      ...result,
      isChanged: !isWhole && (await isOtherPerson(contact, write, plan.write, dependencies)),
    };
  }
  const holder = await dependencies.claims.claimContact(contact.id, userId);
  if (holder.kind === 'other')
    throw new ConflictError(holder.other, 'has the contact with this email', { hasWritten: true });
  // The deleted tag shows it where claims were lost.
  const wasRetired = tagIdsOf(catalog, [dependencies.mapping.deletedTag.name]).some((id) =>
    result.observed?.includes(id),
  );
  const isInherited =
    wasRetired || holder.kind === 'former' || (holder.kind === 'own' && (holder.isInherited || !isRepeated));
  if (!isInherited) return result;
  // Clears what the sync wrote for a deleted user, where the new user has no value.
  const all = Object.fromEntries([...managed].map((key) => [key, UNCERTAIN]));
  const clearing = planFields(desired.fields, { ...all, ...fingerprintOf(desired.fields) }, managed);
  if (isEmptyPlan(clearing)) return { ...result, isInherited };
  const update: Target = { kind: 'update', contactId: contact.id, isClaimed: true, isForeign: false };
  const cleared = await writeContact(update, clearing, catalog, dependencies);
  return { ...result, observed: cleared.tag_ids ?? result.observed, isInherited };
}

/** Key of the field that has the user id. Without one, the email stands for it. */
const userIdKey = ({ userIdField }: Mapping): CustomKey | 'EMAIL1' =>
  userIdField === undefined ? 'EMAIL1' : `custom_fields.${userIdField}`;

/**
 * Whether a contact still shows the person of earlier writes, by the values that were not just written: another email, none of the names, or
 * after a change of the email another number is another person. Undefined: nothing of it can be seen.
 */
function showsPerson(contact: Contact, desired: ContactFields, written: ContactFields): boolean | undefined {
  const isUnwritten = (key: 'EMAIL1' | 'PHONE1' | (typeof NAMES)[number]) =>
    desired[key] !== undefined && written[key] === undefined;
  const names = NAMES.filter(isUnwritten);
  if (names.length > 0 && names.every((key) => !isSameText(contact[key], desired[key]))) return false;
  if (isUnwritten('EMAIL1')) {
    const email = contact.email_addresses?.find(({ field }) => field === 'EMAIL1')?.email;
    return isSameText(email, desired.EMAIL1);
  }
  if (!isUnwritten('PHONE1')) return names.length > 0 ? true : undefined;
  const phone = contact.phone_numbers?.find(({ field }) => field === 'PHONE1')?.number;
  return lastDigits(phone) === lastDigits(desired.PHONE1);
}

const NAMES = ['given_name', 'family_name'] as const;

/** A value that the answer leaves out says nothing. */
const isSameText = (shown: unknown, wanted = ''): boolean =>
  typeof shown !== 'string' || shown.trim().toLowerCase() === wanted.trim().toLowerCase();

/** The CRM may format a number. */
const lastDigits = (phone: string | null | undefined): string => (phone ?? '').replace(/\D/g, '').slice(-7);

/** Whether others have changed the contact: a merge by hand, most likely. A contact that shows nothing is read. */
async function isOtherPerson(
  contact: Contact,
  { userId, desired, catalog }: FieldWrite,
  written: ContactFields,
  { client, mapping }: Pick<WriteFieldsDependencies, 'client' | 'mapping'>,
): Promise<boolean> {
  const shows = showsPerson(contact, desired.fields, written);
  if (shows !== undefined) return !shows;
  const named = userIdIn(await client.readContact(contact.id), catalog, mapping);
  return named !== undefined && named !== userId;
}
