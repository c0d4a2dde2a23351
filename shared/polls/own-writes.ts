import { isLeased } from '../contacts/lease.ts';
import { NOTHING_OWN, type OwnWrites } from '../events/diff-contact.ts';
import { isStatusOfSync } from '../events/email-status.ts';
import { type Catalog, catalogKey, managedTagIds } from '../infusionsoft/catalog/catalog.ts';
import { regionCode } from '../infusionsoft/catalog/provinces.ts';
import type { Invocation } from '../invocation.ts';
import { MAX_RETRY_INTERVAL_MS } from '../quota/retry-policy.ts';
import type { Claim } from '../store/claim-store.ts';
import type { ErasureRecord } from '../store/erasure-records.ts';
import { hashAddress } from '../sync/consent.ts';
import { type ContactFields, desiredStateOfOther } from '../sync/desired-state.ts';
import { fingerprintOf, UNCERTAIN } from '../sync/plan.ts';
import { ADDRESS_FIELDS, addressIn, type StandardField } from '../user/contact-fields.ts';
import type { FieldKey, Mapping } from '../user/define-mapping.ts';
import { normaliseCustom } from '../user/normalise-custom.ts';
import { normaliseStandard } from '../user/normalise-standard.ts';
import type { CrmState, User } from '../user/user.ts';

/** What the sync's records say about a contact. */
export interface ContactRecords {
  contactId: number;
  /** The claim on the contact: which user has it. */
  claim: Claim | undefined;
  /** The user of the claim; undefined if the user was deleted. */
  user: User | undefined;
  /** The record of what was done with the contact of a deleted user. */
  erasure: ErasureRecord | undefined;
  /** Users who claimed an email of the contact, if nobody has claimed the contact: one of them may be about to claim it. */
  usersOfEmails: readonly { user: User; claim: Claim }[];
}

export interface OwnWritesContext {
  catalog: Catalog;
  mapping: Mapping;
  /** The running invocation. */
  invocation: Invocation;
  /** Whether the contact has a value in the custom field for the user id. */
  showsUser: boolean;
  /** When the contact was read from the CRM, in epoch milliseconds. */
  readAt: number;
  /** Epoch milliseconds. */
  now: number;
}

/**
 * The values and tags that the sync has written to a contact, from its own records. A change to one of them makes no event, even if a
 * person made it.
 */
export function ownWrites(records: ContactRecords, context: OwnWritesContext): OwnWrites {
  const { claim, user, contactId, erasure, usersOfEmails } = records;
  if (!claim) {
    const isUnsettled = usersOfEmails.some((each) => isCreating(each.user, each.claim, context));
    return { ...(context.showsUser ? unclaimed(context) : NOTHING_OWN), isUnsettled };
  }
  if (user?.crm?.contactId === contactId) return ofUser(user, user.crm, context);
  const managedTags = managedTagIds(context.catalog);
  const record = erasure?.contactId === contactId ? erasure : undefined;
  const done = record?.done;
  // The values that the sync wrote before are unknown: the row is gone.
  const wasWritten = !user && (!record || context.now - Date.parse(record.doneAt) < MAX_RETRY_INTERVAL_MS);
  // The user of the claim no longer has the contact: the sync removes its tags and fields, or marks, anonymises or deletes it.
  return {
    isUnsettled:
      (claim.retiringUntil ?? 0) > context.now || (user !== undefined && isCreating(user, claim, context)),
    created: true,
    deleted: done === 'delete',
    field: (key, value) =>
      done === 'anonymise' || ((value === undefined || wasWritten) && isManaged(key, context)),
    tag: (tagId) => managedTags.has(tagId),
    status: () => false,
  };
}

/** An unclaimed contact with a user id: the sync created it, and was cut off before it claimed it. */
function unclaimed(context: OwnWritesContext): OwnWrites {
  const managedTags = managedTagIds(context.catalog);
  return {
    ...NOTHING_OWN,
    created: true,
    field: (key) => isManaged(key, context),
    tag: (tagId) => managedTags.has(tagId),
  };
}

/**
 * Whether the sync may have created a contact of the user whose id is not stored yet. The item of a user who was deleted and created again
 * during the first sync shows no attempt. The claim does, and the next sync follows within the longest wait of a message.
 */
const isCreating = ({ crm = {} }: User, { claimedAt = 0 }: Claim, context: OwnWritesContext): boolean => {
  if (isAtWork(crm, context) || (crm.contactId === undefined && crm.attempt !== undefined)) return true;
  const isFirst = crm.contactId === undefined && crm.rejection === undefined;
  return isFirst && context.now - claimedAt < MAX_RETRY_INTERVAL_MS;
};

/** Whether a sync of the user runs, or has ended since the contact was read. Its writes may be in the answer, and not in the records. */
const isAtWork = (crm: CrmState, { invocation, readAt, now }: OwnWritesContext): boolean =>
  isLeased(crm, invocation, now) || (crm.syncedAt !== undefined && Date.parse(crm.syncedAt) >= readAt);

function ofUser(user: User, crm: CrmState, context: OwnWritesContext): OwnWrites {
  const { catalog, mapping, now } = context;
  const { fingerprint = {}, tagIds = [], uncertainTagIds = [], consent } = crm;
  const managedTags = managedTagIds(catalog);
  const desired: ContactFields = desiredStateOfOther(mapping, user, now)?.fields ?? {};
  // The app may have changed the email since: the contact shows the one that was written last.
  const address = crm.emails?.at(-1) ?? desired.EMAIL1 ?? '';
  return {
    isUnsettled: isAtWork(crm, context),
    created: true,
    deleted: false,
    field(key, value) {
      const field = mappedKey(key, context);
      if (!field) return false;
      const written = fingerprint[field];
      // The email may have changed since a write whose outcome is not known. What other fields had then is not recorded.
      if (written === UNCERTAIN && field === 'EMAIL1' && isIn(crm.emails, value)) return true;
      // A write whose outcome is not known wrote the value that the user should have.
      const known = written === UNCERTAIN ? fingerprintOf(desired)[field] : written;
      if (value === undefined || known === undefined) return value === undefined && known === undefined;
      return textsOf(field, value, user, desired, context).some(
        (text) => fingerprintOf({ [field]: text } as ContactFields)[field] === known,
      );
    },
    tag: (tagId, isApplied) =>
      uncertainTagIds.includes(tagId) ||
      (isApplied ? tagIds.includes(tagId) : managedTags.has(tagId) && !tagIds.includes(tagId)),
    status: (field, status) =>
      field === 'EMAIL1' &&
      consent !== undefined &&
      consent.address === hashAddress(address) &&
      isStatusOfSync(status, consent.step),
  };
}

const isIn = (emails: readonly string[] | undefined, value: string | undefined): boolean =>
  emails?.some((email) => email.toLowerCase() === value?.toLowerCase()) ?? false;

/** The key of a field in the mapping; undefined if the mapping does not have it. */
function mappedKey(key: string, { catalog, mapping }: OwnWritesContext): FieldKey | undefined {
  const [, id] = /^custom_fields\.(\d+)$/.exec(key) ?? [];
  if (id === undefined) return key in mapping.contact ? (key as StandardField) : undefined;
  const label = Object.keys(mapping.customFields).find(
    (each) => catalog.customFields[catalogKey(each)] === Number(id),
  );
  return label === undefined ? undefined : `custom_fields.${label}`;
}

const isManaged = (key: string, context: OwnWritesContext): boolean => mappedKey(key, context) !== undefined;

const CUSTOM_FIELD = 'custom_fields.';

const sortedItems = (list: string): string => list.split(',').sort().join();

/** The texts that the sync may have written if the CRM shows this value: the CRM formats some texts, and shows ids instead of others. */
function textsOf(
  field: FieldKey,
  value: string,
  user: User,
  desired: ContactFields,
  { catalog, mapping }: OwnWritesContext,
): string[] {
  if (field.startsWith(CUSTOM_FIELD)) {
    const custom = mapping.customFields[field.slice(CUSTOM_FIELD.length)];
    if (!custom) return [value];
    const wanted = desired[field];
    // The CRM may show the items of a list in another order.
    if (wanted !== undefined && sortedItems(wanted) === sortedItems(value)) return [value, wanted];
    const isTruthValue = custom.type === 'YesNo' && ['true', 'false'].includes(value);
    const normalised = normaliseCustom(custom, isTruthValue ? value === 'true' : value, user);
    return 'value' in normalised ? [value, normalised.value] : [value];
  }
  const wanted = desired[field];
  switch (field) {
    case 'lead_source':
      return (mapping.contact.lead_source?.names ?? []).filter(
        (name) => catalog.leadSources?.[catalogKey(name)] === Number(value),
      );
    case 'owner':
      return wanted !== undefined && catalog.staff?.[catalogKey(wanted)] === Number(value) ? [wanted] : [];
    case 'company':
      return wanted !== undefined && catalogKey(wanted) === catalogKey(value) ? [wanted] : [value];
    default: {
      const isAddress = (ADDRESS_FIELDS as readonly string[]).includes(field);
      const normalised = normaliseStandard(
        field as StandardField,
        isAddress ? JSON.parse(value) : value,
        user,
      );
      if (!('value' in normalised)) return [value];
      return [value, isAddress ? withRegionCode(normalised.value, catalog) : normalised.value];
    }
  }
}

/** An address with the code of its region, as the sync writes it: the CRM shows the name. */
function withRegionCode(address: string, catalog: Catalog): string {
  const { region = '', country_code = '', ...parts } = addressIn(address);
  const code = regionCode(country_code, region, catalog) ?? region;
  return JSON.stringify({ ...parts, ...(code && { region: code }), ...(country_code && { country_code }) });
}
