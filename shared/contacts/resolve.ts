import type { Catalog } from '../infusionsoft/catalog/catalog.ts';
import type { InfusionsoftClient } from '../infusionsoft/client.ts';
import type { Contact } from '../infusionsoft/schemas.ts';
import { SEARCH_DELAY_MS } from '../quota/retry-policy.ts';
import { desiredState } from '../sync/desired-state.ts';
import { RetryableError } from '../sync/errors.ts';
import { fingerprintOf } from '../sync/plan.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { CrmState, User } from '../user/user.ts';
import type { Claims } from './claims.ts';
import { type AffectedUser, ConflictError, hasWaited } from './conflict.ts';
import {
  type OwnershipDependencies,
  ownContact,
  ownerOf,
  rightfulUser,
  userIdFieldOf,
  userIdIn,
} from './ownership.ts';

/**
 * The contact to write. `update`: by its id; `isClaimed` says whether the claim confirms it already, `isForeign` whether it shows the id of
 * another user or of an earlier account, so that nothing is known about its values. `upsert`: by the email, since no user has it. `create`: a new
 * contact even though another user's contact shows the email.
 */
export type Target =
  | { kind: 'update'; contactId: number; isClaimed: boolean; isForeign?: boolean }
  | { kind: 'upsert' }
  | { kind: 'create' };

export interface Resolution {
  target: Target;
  /** Another living user has the stored contact now. */
  isLost: boolean;
  affected: readonly AffectedUser[];
  /** Contacts that are the user's too. */
  duplicates: readonly number[];
}

export interface ResolveDependencies extends OwnershipDependencies {
  client: OwnershipDependencies['client'] &
    Pick<InfusionsoftClient, 'findContactsByEmail' | 'findContactsUpdatedSince'>;
  claims: OwnershipDependencies['claims'] & Pick<Claims, 'claimEmail' | 'yieldEmail' | 'giveContact'>;
  /** Whether the claims of all users are recorded. */
  areClaimsComplete: () => boolean;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface ResolveOptions {
  /** The CRM does not know the stored contact: it was deleted or merged. */
  isGone: boolean;
  /** Look the contact up in any case. */
  alwaysLookUp: boolean;
  /** The change that the messages are about, in epoch milliseconds. */
  changedAt: number;
}

/**
 * Finds the contact of a user. A contact is the user's when the item names it and the claim confirms it, or when a search that was compared
 * with the question shows it and no other living user has it. docs/decisions has the reasons.
 *
 * Costs no request for a user who keeps the contact and the email, and for one who never had a contact. It is one search after a change of
 * the email, a 404, a rejection or a conflict, and while the claims are not complete.
 *
 * @throws ConflictError when another living user has the email or the contact; RetryableError and RejectedError as the client does.
 */
export async function resolve(
  user: User,
  email: string,
  catalog: Catalog,
  { isGone, alwaysLookUp, changedAt }: ResolveOptions,
  dependencies: ResolveDependencies,
): Promise<Resolution> {
  const { userId, crm = {} } = user;
  const { client, claims, mapping, now } = dependencies;
  const { own, lostTo } = await ownContact(userId, crm, isGone, claims);
  // Until now, this user may have written to the contact that another user has.
  const affected: AffectedUser[] = lostTo ? [{ userId: lostTo.userId, cause: 'resync' }] : [];
  const isLost = lostTo !== undefined;
  const duplicates: number[] = [];
  const resolved = (target: Target): Resolution => ({ target, isLost, affected, duplicates });
  const update = (contactId: number, isForeign = false): Resolution =>
    resolved({
      kind: 'update',
      contactId,
      isClaimed: contactId === own?.contactId && own.isClaimed,
      isForeign,
    });
  const hash = emailHash(email);
  if (own && own.contactId === crm.contactId && crm.fingerprint?.['EMAIL1'] === hash && !crm.conflict)
    return update(own.contactId);

  const claim = await claims.claimEmail(email, userId);
  if (claim.kind === 'contested')
    throw new ConflictError(claim.other, 'has the same email', { isLost, affected });
  const isRepeated = crm.attempt?.email === hash && !crm.separated;
  const isFirst = !hasHistory(crm) && claim.kind === 'new' && dependencies.areClaimsComplete();
  if (!own && !isGone && !isLost && !alwaysLookUp && (isFirst || isRepeated))
    return resolved({ kind: 'upsert' });

  const owner = ownerOf(userId, catalog, isGone, dependencies);
  const found = await findContacts(userId, email, own ? {} : crm, catalog, { client, mapping, now });
  const ownFound = own && found.find(({ id }) => id === own.contactId);
  if (ownFound) {
    const named = userIdIn(ownFound, catalog, mapping);
    const isForeign = named !== undefined && named !== userId;
    const rightful = isForeign ? await rightfulUser(named, ownFound, dependencies) : undefined;
    if (!rightful) return update(ownFound.id, isForeign);
    await claims.giveContact(ownFound.id, userId, rightful.userId);
    affected.push({ userId: rightful.userId, cause: 'resync', contactId: ownFound.id });
    if (crm.separated && !crm.attempt)
      throw new ConflictError(rightful, 'has the contact after a merge', { isLost: true, affected });
    return { target: { kind: 'create' }, isLost: true, affected, duplicates };
  }
  const owners = await Promise.all(found.map(owner));
  const available =
    owners.find((each) => each.owner.kind === 'own') ?? owners.find((each) => each.owner.kind === 'free');
  if (available) {
    const others = owners.filter((each) => each !== available && each.owner.kind === 'own');
    duplicates.push(...others.map(({ contact }) => contact.id));
    return update(available.contact.id, available.isWritten);
  }

  const [ofOther] = owners;
  const other = ofOther?.owner.kind === 'other' ? ofOther.owner.user : undefined;
  const emailOfOther = other && desiredState(mapping, other, now()).fields.EMAIL1;
  if (other && emailOfOther?.toLowerCase() === email.toLowerCase()) {
    // The other has the contact. With the claim on the email it would wait for this user, and this user for it.
    await claims.yieldEmail(email, userId, other.userId);
    throw new ConflictError(other, 'has the same email', { isLost, affected });
  }
  if (other && own) affected.push({ userId: other.userId, cause: 'changed' });
  if (own) return update(own.contactId);
  if (!other) return resolved({ kind: 'upsert' });
  // Two contacts were merged, or the email was typed into the other's, by hand: each user gets a contact of its own, once. Where it is the first
  // email, the other may be about to leave it.
  const isSeparating = crm.separated === true && crm.attempt !== undefined;
  const isMerged = (isGone || isLost) && ofOther !== undefined && !hasFirstEmail(ofOther.contact, email);
  const isDue = isMerged || hasWaited(user, other, changedAt, now());
  if (isSeparating || (isDue && !crm.separated)) {
    affected.push({ userId: other.userId, cause: 'resync' });
    return resolved({ kind: 'create' });
  }
  throw new ConflictError(other, 'has the contact with this email', { isLost, affected });
}

const hasFirstEmail = ({ email_addresses }: Contact, email: string): boolean =>
  (email_addresses ?? []).some(
    (each) => each.field === 'EMAIL1' && each.email?.toLowerCase() === email.toLowerCase(),
  );

/** A hash of an email, as the fingerprint has it. */
export const emailHash = (email: string): string => fingerprintOf({ EMAIL1: email })['EMAIL1'] ?? '';

/** Whether the user has had a contact, or an attempt to get one. */
const hasHistory = ({ contactId, formerContactIds, attempt, rejection, conflict }: CrmState): boolean =>
  contactId !== undefined ||
  formerContactIds !== undefined ||
  attempt !== undefined ||
  conflict !== undefined ||
  (rejection !== undefined && rejection.reason !== 'no-usable-email');

/** Contacts that may be the user's: those with the email, oldest first, and, after a create without an answer, those with the user id. */
async function findContacts(
  userId: string,
  email: string,
  { attempt }: CrmState,
  catalog: Catalog,
  { client, mapping, now }: Pick<ResolveDependencies, 'client' | 'mapping' | 'now'>,
): Promise<Contact[]> {
  const byEmail = await client.findContactsByEmail(email);
  byEmail.sort((a, b) => a.id - b.id);
  if (!attempt) return byEmail;
  const byUserId = await findContactsOfUser(userId, attempt.at, catalog, { client, mapping, now });
  return [...byEmail, ...byUserId.filter(({ id }) => !byEmail.some((each) => each.id === id))];
}

/**
 * Finds the contacts that the sync created for a user without getting an answer: they were updated since, and show the user id.
 *
 * @param since when the first request was made, in ISO 8601.
 * @throws RetryableError while the CRM's search may not show the contact yet.
 */
export async function findContactsOfUser(
  userId: string,
  since: string,
  catalog: Catalog,
  {
    client,
    mapping,
    now,
  }: { client: Pick<InfusionsoftClient, 'findContactsUpdatedSince'>; mapping: Mapping; now: () => number },
): Promise<Contact[]> {
  if (userIdFieldOf(catalog, mapping) === undefined) return [];
  const updated = await client.findContactsUpdatedSince(Date.parse(since) - CLOCK_DIFFERENCE_MS);
  const found = updated.filter((contact) => userIdIn(contact, catalog, mapping) === userId);
  const waitMs = Date.parse(since) + SEARCH_DELAY_MS - now();
  if (found.length === 0 && waitMs > 0)
    throw new RetryableError('The search may not show the created contact yet', { afterMs: waitMs });
  return found;
}

/** The clock of the CRM may be late. */
const CLOCK_DIFFERENCE_MS = 60_000;
