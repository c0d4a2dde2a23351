import { desiredState } from '../../shared/sync/desired-state.ts';
import { managedTags } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { readUser } from '../../shared/user/read-user.ts';
import type { StoredContact } from '../simulator/account/contact-store.ts';
import type { Script } from './actions.ts';
import { USER_ID_FIELD } from './crm.ts';
import type { DeadLetter, Item, World } from './world.ts';

const DELETED = mapping.deletedTag.name;
const MANAGED = new Set(managedTags(mapping));
/** Written and never returned by the CRM. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['opt_in_reason']);

/** Everything that is wrong after a history, once all changes are processed. */
export async function findProblems(script: Script): Promise<string[]> {
  const { world } = script;
  return [
    ...world.bugs.map((bug) => `unexpected error: ${bug instanceof Error ? bug.stack : String(bug)}`),
    ...world.crm.simulator.foreign.found
      .filter(({ what }) => !isLostByUpdate(script, what))
      .map(({ contactId, what }) => `contact ${contactId}: the sync wrote to ${what}`),
    ...deadLetterProblems(script),
    ...userProblems(script),
    ...contactProblems(script),
    ...typedProblems(script),
    ...(await erasureProblems(script)),
  ];
}

/** Whether the account has dropped an array item that nobody could preserve. */
const isLostByUpdate = ({ world, losses }: Script, what: string): boolean =>
  world.crm.replacesArrays && (LOST_EMAILS.test(what) || losses.size > 0);

/**
 * An account that replaces array items drops the other emails of a contact that its search does not show yet, or that is merged between the
 * read and the write: an update has to name the first, and nothing tells what else there is.
 */
const LOST_EMAILS = /^email_addresses\.EMAIL[23]$/;

/** Reasons of a user whose conflict with another user stands. */
const CONFLICTS: ReadonlySet<string> = new Set(['contact-of-another-user', 'email-of-another-user']);

/** The only reasons of a dead letter, and when they are right. */
function isExplained(
  { world, losses, withoutEmail }: Script,
  { reason, group, conflict }: DeadLetter,
): boolean {
  switch (reason) {
    case 'refused-by-crm':
      return world.crm.refusals > 0;
    case 'no-usable-email':
      return withoutEmail.has(group);
    default:
      return CONFLICTS.has(reason) && (conflict || (losses.get(group) ?? 0) > 1);
  }
}

function deadLetterProblems(script: Script): string[] {
  const unexplained = script.world.deadLetters.filter((letter) => !isExplained(script, letter));
  return unexplained.map(({ reason, group }) => `dead letter of ${group}: ${reason}`);
}

/** Whether a user may be without a right contact: it was rejected, and its conflict with another user stands. */
function isExcused({ world, losses }: Script, { userId, crm }: Item): boolean {
  const isRejected =
    CONFLICTS.has(crm?.rejection?.reason ?? '') ||
    world.undelivered.some(({ group, reason }) => group === userId && CONFLICTS.has(reason));
  return isRejected && ((losses.get(userId) ?? 0) > 1 || world.rivalsOf(userId).length > 0);
}

function userProblems(script: Script): string[] {
  const { world } = script;
  const users = world.livingUsers();
  const excused = users.filter((user) => isExcused(script, user));
  const isAbandoned = ({ userId, email }: Item) => {
    const sameEmail = users.filter((other) => other['email'] === email);
    const isMerged = (script.losses.get(userId) ?? 0) > 1;
    return sameEmail.length > 1 && !isMerged && sameEmail.every((other) => excused.includes(other));
  };
  return [
    ...excused
      .filter(isAbandoned)
      .map(({ userId }) => `${userId}: rejected, like everybody with the same email`),
    ...users
      .filter((user) => user['email'] !== undefined && !excused.includes(user))
      .flatMap((user) => wrongContact(script, user)),
  ];
}

function wrongContact({ world, losses }: Script, item: Item): string[] {
  const { userId } = item;
  const contact = world.contactOf(userId);
  const state = `(crm ${JSON.stringify(item.crm ?? null)})`;
  if (!contact) return [`${userId}: no contact ${state}`];
  const desired = desiredState(mapping, readUser(structuredClone(item)).user, world.now);
  const keys = [
    ...Object.keys(mapping.contact),
    ...Object.keys(mapping.customFields).map((label) => `custom_fields.${label}`),
  ];
  const fields = keys
    .filter((key) => !NOT_COMPARED.has(key))
    .flatMap((key) => {
      const [actual, wanted] = [world.crm.valueOf(contact, key), desired.fields[key as 'EMAIL1']];
      return actual === wanted
        ? []
        : [`${userId}: contact ${contact.id} has ${key} ${actual}, not ${wanted}`];
    });
  const tags = managedTagsOf(world, contact).join(', ');
  const wantedTags = [...desired.tags].sort().join(', ');
  return [
    ...fields,
    // Without tags in an answer, the tags that a merge has added are not seen.
    ...(tags === wantedTags || (world.crm.hidesTags && losses.size > 0)
      ? []
      : [`${userId}: contact ${contact.id} has the tags ${tags}, not ${wantedTags}`]),
  ];
}

const managedTagsOf = (world: World, contact: StoredContact) =>
  world.crm.tagsOf(contact).filter((name) => MANAGED.has(name));

/** Finds contacts that two users share, that show the id of another user, or that no user has although they have managed tags. */
function contactProblems(script: Script): string[] {
  const { world } = script;
  const isAlive = (contact: StoredContact) => !managedTagsOf(world, contact).includes(DELETED);
  return world.contacts().flatMap((contact) => {
    const owners = world.livingUsers().filter(({ crm }) => crm?.contactId === contact.id);
    if (owners.length > 1)
      return [`contact ${contact.id}: shared by ${owners.map(({ userId }) => userId).join(' and ')}`];
    const [owner] = owners;
    const named = world.item(world.crm.userIdOf(contact) ?? '');
    // A contact of a deleted user keeps its values. The user can come back with another email, and another contact.
    const isOfRejected = owner !== undefined && (owner['email'] === undefined || isExcused(script, owner));
    const isWrong = named && named !== owner && (owner || isAlive(contact)) && !isOfRejected;
    if (isWrong && !mayNotKnow(script, named, contact))
      return [
        `contact ${contact.id}: ${owner?.userId ?? 'nobody'}'s, its ${USER_ID_FIELD} is ${named.userId}`,
      ];
    const tags = managedTagsOf(world, contact).filter((tag) => tag !== DELETED);
    const isNobodys = !owner && !(named && mayNotKnow(script, named, contact));
    return isNobodys && tags.length > 0
      ? [`contact ${contact.id}: nobody's, has the tags ${tags.join(', ')}`]
      : [];
  });
}

/** Whether a user is not synced, so that the item does not name the one contact that names the user. */
function mayNotKnow(script: Script, user: Item, contact: StoredContact): boolean {
  const { world } = script;
  const names = (each: StoredContact) => world.crm.userIdOf(each) === user.userId;
  const isRetired = (each: StoredContact) => managedTagsOf(world, each).includes(DELETED);
  const isOnlyOne = world.contacts().every((each) => each === contact || !names(each) || isRetired(each));
  // It is left with the next sync.
  const isFormer = user.crm?.formerContactIds?.includes(contact.id) === true;
  return (isOnlyOne || isFormer) && (user['email'] === undefined || isExcused(script, user));
}

function typedProblems(script: Script): string[] {
  const { world, everForgotten, touched } = script;
  const { typed, deletedBySync, createdBySync } = world.crm;
  // A create can be cut off before the contact names its user, and another user may have taken the contact over, or get its values by a merge.
  const forbidden = deletedBySync.filter(({ userId, contactId }) =>
    userId === undefined
      ? !createdBySync.has(contactId)
      : !everForgotten.has(userId) && !touched.has(userId) && world.item(userId) && !world.contactOf(userId),
  );
  const { contacts } = world.crm.simulator.store;
  const lost = [...typed].flatMap(([contactId, values]) => {
    const contact = contacts.get(contactId);
    if (!contact) return [];
    return [...values].flatMap(([path, value]) =>
      contact.values.get(path) === value || isLostByUpdate(script, path)
        ? []
        : [`contact ${contactId}: lost ${path} ${value}`],
    );
  });
  return [
    ...forbidden.map(({ contactId, userId }) => `contact ${contactId} of ${userId}: deleted by the sync`),
    ...lost,
  ];
}

async function erasureProblems({ world, forgotten, touched }: Script): Promise<string[]> {
  const checks = [...forgotten].map(async ([userId, contactIds]) => {
    const alive = world.contacts().filter((contact) => world.crm.userIdOf(contact) === userId);
    const record = await world.erasureRecords.read(userId);
    // Another user has taken the contact over, and overwritten its values.
    const isKept = (record?.answer ?? record?.done) === 'kept';
    const isProven = record?.done === 'delete' || isKept || (record !== undefined && contactIds.length === 0);
    return [
      // Nothing leads from a contact that was merged away to the one that has its values.
      ...alive
        .filter(() => !touched.has(userId))
        .map(({ id }) => `${userId}: forgotten, but contact ${id} is there`),
      ...(isProven ? [] : [`${userId}: forgotten, but the erasure record says ${record?.done}`]),
    ];
  });
  return (await Promise.all(checks)).flat();
}
