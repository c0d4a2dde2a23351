import { type Catalog, tagIds as tagIdsOf } from '../infusionsoft/catalog/catalog.ts';
import { usableFields } from '../infusionsoft/catalog/resolve-fields.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import type { ContactFields, DesiredState } from '../sync/desired-state.ts';
import { fingerprintOf, isEmptyPlan, planFields, UNCERTAIN } from '../sync/plan.ts';
import type { CustomKey, Mapping } from '../user/define-mapping.ts';
import type { CrmState } from '../user/user.ts';
import type { Claims, ContactHolder } from './claims.ts';
import { ConflictError } from './conflict.ts';
import { userIdIn } from './ownership.ts';
import type { Target } from './resolve.ts';
import { type WriteAcceptedDependencies, writeAccepted } from './write-accepted.ts';
import type { ClaimWritten } from './write-contact.ts';

export interface WriteFieldsDependencies extends WriteAcceptedDependencies {
  claims: Pick<Claims, 'claimContact'>;
  mapping: Mapping;
}

export interface FieldWrite {
  userId: string;
  crm: CrmState;
  desired: DesiredState;
  catalog: Catalog;
  target: Target;
  /** Fields in which the contact may have an older value of the sync. */
  known: ReadonlySet<string>;
  /**
   * Stores a contact that was created or found by its email, before more is written to it: until then, it does not name its user.
   *
   * @param isInherited the sync had written it for a user who no longer has it.
   */
  store: (contactId: number, isInherited: boolean) => Promise<void>;
}

export interface WrittenContact {
  contactId: number;
  /** The CRM's answer to the write; undefined if nothing had to be written. */
  answer: Contact | undefined;
  /** Tags in the CRM's answer. */
  observed: readonly number[] | undefined;
  /** The sync had written the contact for a user who no longer has it. */
  isInherited: boolean;
  /** Others have changed the contact: a merge by hand, most likely. */
  isChanged: boolean;
  /** Fields, and regions of addresses, that the CRM refused. */
  refused: readonly string[];
  /** Those of them that still have an older value of the sync. */
  stale: readonly string[];
  /** Whether those can be cleared now. */
  canClear: boolean;
}

/**
 * Writes the fields, unless all are right, without those that the CRM refuses. A contact that is found or created by the email is claimed as
 * soon as its id is known.
 */
export async function writeFields(
  write: FieldWrite,
  dependencies: WriteFieldsDependencies,
): Promise<WrittenContact> {
  const { userId, crm, desired, catalog, target, known, store } = write;
  const managed = usableFields(dependencies.mapping, catalog);
  const plan = planFields(desired.fields, crm.fingerprint ?? {}, managed);
  const email = desired.fields.EMAIL1 ?? '';
  if (target.kind === 'update' && isEmptyPlan(plan))
    return {
      contactId: target.contactId,
      answer: undefined,
      observed: undefined,
      isInherited: false,
      isChanged: false,
      refused: [],
      stale: [],
      canClear: false,
    };

  const deletedTagIds = tagIdsOf(catalog, [dependencies.mapping.deletedTag.name]);
  let holder: ContactHolder | undefined;
  let isInherited = false;
  const claim: ClaimWritten = async ({ id, tag_ids }, isWhole) => {
    const since = crm.attempt && Date.parse(crm.attempt.at);
    const found = await dependencies.claims.claimContact(id, userId, { since });
    if (found.kind === 'other')
      throw new ConflictError(found.other, 'has the contact with this email', { hasWritten: true });
    // Writes that are refused are repeated. Then the contact is the user's already.
    holder ??= found;
    // If claims were lost, the deleted tag shows that the contact was retired.
    isInherited ||=
      deletedTagIds.some((tagId) => tag_ids?.includes(tagId)) ||
      holder.kind === 'former' ||
      (holder.kind === 'own' && holder.isInherited);
    if (!isWhole) await store(id, isInherited);
  };
  const accepted = await writeAccepted({ target, plan, catalog, known, email, claim }, dependencies);
  const { contact, contactId, refused, stale } = accepted;
  const result = {
    contactId,
    answer: contact,
    observed: contact?.tag_ids ?? undefined,
    isInherited: false,
    isChanged: false,
    refused,
    stale,
    canClear: accepted.writesLeft > 0,
  };
  if (target.kind === 'update') {
    // If nothing is certain about the contact, all values are written, the user id among them: the answer shows no change of others.
    const isWhole = plan.write[userIdKey(dependencies.mapping)] !== undefined;
    const shown = { ...write, desired: withoutRefusals(desired, refused) };
    return {
      ...result,
      isChanged:
        contact !== undefined &&
        !isWhole &&
        (await isOtherPerson(contact, shown, accepted.plan.write, dependencies)),
    };
  }
  if (!isInherited) return result;
  // Clears what the sync wrote for a deleted user, where the new user has no value.
  const all = Object.fromEntries([...managed].map((key) => [key, UNCERTAIN]));
  const clearing = planFields(desired.fields, { ...all, ...fingerprintOf(desired.fields) }, managed);
  if (isEmptyPlan(clearing)) return { ...result, isInherited };
  const update: Target = { kind: 'update', contactId, isClaimed: true, isForeign: false };
  const cleared = await writeAccepted(
    { target: update, plan: clearing, catalog, known: NONE, email },
    dependencies,
  );
  return {
    ...result,
    observed: cleared.contact?.tag_ids ?? result.observed,
    isInherited,
    refused: [...refused, ...cleared.refused],
  };
}

const NONE: ReadonlySet<string> = new Set();

const withoutRefusals = (desired: DesiredState, refused: readonly string[]): DesiredState => ({
  ...desired,
  fields: Object.fromEntries(
    Object.entries(desired.fields).filter(([key]) => !refused.includes(key)),
  ) as ContactFields,
});

/** Key of the field that has the user id. Without one, the email stands for it. */
const userIdKey = ({ userIdField }: Mapping): CustomKey | 'EMAIL1' =>
  userIdField === undefined ? 'EMAIL1' : `custom_fields.${userIdField}`;

/**
 * Whether a contact still shows the person of earlier writes, by the values that were not just written. It does not if it shows another
 * email, or none of the names. Undefined if one of two names differs, and after a change of the email: equal names and numbers prove
 * nothing, since people merge contacts that have them, and a merge keeps values that the other contact lacks.
 */
function showsPerson(contact: Contact, desired: ContactFields, written: ContactFields): boolean | undefined {
  const isUnwritten = (key: 'EMAIL1' | (typeof NAMES)[number]) =>
    desired[key] !== undefined && written[key] === undefined;
  const names = NAMES.filter(isUnwritten);
  const different = names.filter((key) => !isSameText(contact[key], desired[key]));
  if (names.length > 0 && different.length === names.length) return false;
  if (!isUnwritten('EMAIL1')) return undefined;
  const email = contact.email_addresses?.find(({ field }) => field === 'EMAIL1')?.email;
  if (!isSameText(email, desired.EMAIL1)) return false;
  return different.length > 0 ? undefined : true;
}

const NAMES = ['given_name', 'family_name'] as const;

/** A value that the answer leaves out says nothing. */
const isSameText = (shown: unknown, wanted = ''): boolean =>
  typeof shown !== 'string' || shown.trim().toLowerCase() === wanted.trim().toLowerCase();

/** Whether others have changed the contact: a merge by hand, most likely. If the answer cannot tell, the contact is read. */
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
