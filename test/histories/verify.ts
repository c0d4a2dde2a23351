import { desiredState } from '../../shared/sync/desired-state.ts';
import { withoutRefused } from '../../shared/sync/refused-fields.ts';
import { managedTags } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { readUser } from '../../shared/user/read-user.ts';
import type { CrmState, User } from '../../shared/user/user.ts';
import { consentFindings, NOT_OPTED_IN } from '../demo/consent-findings.ts';
import type { StoredContact } from '../simulator/account/contact-store.ts';
import type { Script } from './actions.ts';
import { USER_ID_FIELD } from './crm.ts';
import type { DeadLetter, Item, World } from './world.ts';

const DELETED = mapping.deletedTag.name;
/** The simulator's text for a foreign deletion. `typedProblems` decides which deletions are wrong. */
const DELETION = 'deletion of a contact that is not the client’s';
const MANAGED = new Set(managedTags(mapping));

/** Everything that is wrong after a history, once all changes are processed. */
export async function findProblems(script: Script): Promise<string[]> {
  const { world } = script;
  return [
    ...world.bugs.map((bug) => `unexpected error: ${bug instanceof Error ? bug.stack : String(bug)}`),
    ...world.crm.simulator.foreign.found
      .filter(({ contactId, what }) => !isLostByUpdate(script, contactId, what) && what !== DELETION)
      .map(({ contactId, what }) => `contact ${contactId}: the sync wrote to ${what}`),
    ...deadLetterProblems(script),
    ...userProblems(script),
    ...contactProblems(script),
    ...doubledContacts(script),
    ...typedProblems(script),
    ...consentProblems(script),
    ...(await erasureProblems(script)),
  ];
}

/** Whether the account has dropped an array item that nobody could preserve. */
const isLostByUpdate = ({ world }: Script, contactId: number | null, what: string): boolean =>
  world.crm.replacesArrays && (LOST_EMAILS.test(what) || world.crm.changedDuringUpdate.has(contactId ?? 0));

/**
 * An account that replaces array items drops the other emails of a contact that its search does not show yet: an update has to name the
 * first email, and the sync cannot know the others.
 */
const LOST_EMAILS = /^email_addresses\.EMAIL[23]$/;

/** Whether a dead letter has one of the allowed reasons, and the history explains it. */
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
      return reason === 'contact-of-another-user' && (conflict || (losses.get(group) ?? 0) > 1);
  }
}

function deadLetterProblems(script: Script): string[] {
  const unexplained = script.world.deadLetters.filter((letter) => !isExplained(script, letter));
  return unexplained.map(({ reason, group }) => `dead letter of ${group}: ${reason}`);
}

/** Whether a user may be without a right contact: it was rejected, and its conflict with another user stands. */
function isExcused({ world, losses }: Script, { userId, crm }: Item): boolean {
  const isRejected =
    crm?.rejection?.reason === 'contact-of-another-user' ||
    world.undelivered.some(({ group, reason }) => group === userId && reason === 'contact-of-another-user');
  return isRejected && ((losses.get(userId) ?? 0) > 1 || world.rivalsOf(userId).length > 0);
}

function userProblems(script: Script): string[] {
  const { world } = script;
  const users = world.livingUsers();
  const excused = users.filter((user) => isExcused(script, user));
  const isAbandoned = ({ email }: Item) => {
    const sameEmail = users.filter((other) => other['email'] === email);
    // After a second merge, a user is rejected. Others with its email wait for it.
    const isMerged = sameEmail.some(
      (each) => (script.losses.get(each.userId) ?? 0) > 1 || each.crm?.separated,
    );
    // A user can have got the contact after the last rejection, which still has its dead letter.
    const hasNone = (other: Item) =>
      excused.includes(other) && (other.crm?.contactId === undefined || other.crm.rejection !== undefined);
    return sameEmail.length > 1 && !isMerged && sameEmail.every(hasNone);
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

/**
 * Whether a field for which the user has no value may keep the value of an earlier account, or of an earlier user of the contact. Without
 * the sync table, nothing says that the contact had one. Nothing says it of a contact of nobody into which staff merged that of another
 * user either: its values look like those of a web form.
 */
function mayBeOld({ hasLostTable, mergedAway }: Script, contactId: number, wanted: unknown): boolean {
  return wanted === undefined && (hasLostTable || mergedAway.has(contactId));
}

function wrongContact(script: Script, item: Item): string[] {
  const { world } = script;
  const { userId } = item;
  const contact = world.contactOf(userId);
  const state = `(crm ${JSON.stringify(item.crm ?? null)})`;
  if (!contact) return [`${userId}: no contact ${state}`];
  if (isMergeUnseen(script, item, contact)) return [];
  const desired = desiredState(mapping, readUser(structuredClone(item)).user, world.now);
  // A request that the CRM refused without saying why costs fields.
  const { refused = {} } = withoutRefused(
    desired,
    world.crm.refusals > 0 ? (item.crm as CrmState | undefined)?.refusedFields : undefined,
  );
  const keys = [
    ...Object.keys(mapping.contact),
    ...Object.keys(mapping.customFields).map((label) => `custom_fields.${label}`),
  ].filter((key) => !Object.hasOwn(refused, key));
  const fields = keys.flatMap((key) => {
    const [actual, wanted] = [world.crm.valueOf(contact, key), desired.fields[key as 'EMAIL1']];
    return actual === wanted || mayBeOld(script, contact.id, wanted)
      ? []
      : [`${userId}: contact ${contact.id} has ${key} ${actual}, not ${wanted}`];
  });
  const tags = managedTagsOf(world, contact).join(', ');
  const wantedTags = [...desired.tags].sort().join(', ');
  return [
    ...fields,
    // Without tags in an answer, the tags that a merge has added are not seen.
    ...(tags === wantedTags || (world.crm.hidesTags && world.crm.merges > 0)
      ? []
      : [`${userId}: contact ${contact.id} has the tags ${tags}, not ${wantedTags}`]),
  ];
}

/** Whether a rejected user's contact was merged into this one, which still shows the email and the name of its user. */
function isMergeUnseen(script: Script, item: Item, contact: StoredContact): boolean {
  const { world, touched } = script;
  const named = world.item(world.crm.userIdOf(contact) ?? '');
  if (!named || named.userId === item.userId || !touched.has(named.userId)) return false;
  const shows = (key: string, value: unknown) => world.crm.valueOf(contact, key) === value;
  return isExcused(script, named) && shows('EMAIL1', item['email']) && shows('given_name', item['firstName']);
}

const managedTagsOf = (world: World, contact: StoredContact) =>
  world.crm.tagsOf(contact).filter((name) => MANAGED.has(name));

/** Contacts that two users share, that show the id of another user, or that have managed tags and no user. */
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
    if (isUntraceable(script, contact) || isLeftByRejected(script, contact)) return [];
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

/**
 * Contacts that show the email of a user who has another contact. That is allowed if the user has moved to a contact that already had the
 * email; if another user has had the contact; and if the contact is retired, or its user is rejected or has no email.
 */
function doubledContacts(script: Script): string[] {
  const { world, touched, mergedAway } = script;
  const users = world.livingUsers();
  const wasOfAnother = ({ userId }: Item, id: number) =>
    [...world.contactIds].some(([each, ids]) => each !== userId && ids.has(id));
  return world.contacts().flatMap((contact) => {
    const email = contact.values.get('email_addresses.EMAIL1') ?? '';
    const [user, ...more] = users.filter((each) => each['email'] === email);
    const own = user && world.contactOf(user.userId);
    if (!own || own === contact || more.length > 0 || mergedAway.has(contact.id)) return [];
    if ([own, contact].some(({ id }) => wasOfAnother(user, id))) return [];
    const named = world.item(world.crm.userIdOf(contact) ?? '');
    if (named && (named['email'] === undefined || isExcused(script, named))) return [];
    const isFound = !world.crm.createdBySync.has(own.id);
    if (isFound || isExcused(script, user) || isLeftByRejected(script, contact) || touched.has(user.userId))
      return [];
    if (world.crm.doubledEmails.has(email) || managedTagsOf(world, contact).includes(DELETED)) return [];
    return [`contact ${contact.id}: has the email of ${user.userId}, who has contact ${own.id}`];
  });
}

/** Whether a contact was that of a user who is rejected, and leaves it once it is in sync. */
const isLeftByRejected = (script: Script, { id }: StoredContact): boolean =>
  script.world.livingUsers().some((each) => isExcused(script, each) && hasHad(script.world, each.userId, id));

/** Whether a contact was a user's at some time. */
const hasHad = (world: World, userId: string, id: number): boolean =>
  (world.crmMaps.get(userId) ?? []).some(
    ({ contactId, formerContactIds }) => contactId === id || formerContactIds?.includes(id),
  );

/** Whether nothing leads the sync to a contact of no user that got a user's tags by a merge. */
function isUntraceable({ world, mergedAway, uninformed }: Script, { id }: StoredContact): boolean {
  const userId = mergedAway.get(id);
  return mergedAway.has(id) && (userId === undefined || uninformed.has(userId) || !world.item(userId));
}

/** Whether a user is not synced, so that the user's item may not name the contact that names the user. */
function mayNotKnow(script: Script, user: Item, contact: StoredContact): boolean {
  const { world, mergedAway } = script;
  const names = (each: StoredContact) => world.crm.userIdOf(each) === user.userId;
  const isRetired = (each: StoredContact) => managedTagsOf(world, each).includes(DELETED);
  const isOnlyOne = world.contacts().every((each) => each === contact || !names(each) || isRetired(each));
  // The next sync leaves former contacts, also merged ones, and finds those that were created without an answer.
  const { contactId, formerContactIds, attempt } = user.crm ?? {};
  const isFormer =
    (formerContactIds?.includes(contact.id) ||
      (formerContactIds && mergedAway.get(contact.id) === user.userId)) &&
    (user['email'] !== undefined || contactId === undefined);
  return (
    (isOnlyOne || isFormer || attempt !== undefined) &&
    (user['email'] === undefined || isExcused(script, user))
  );
}

function typedProblems(script: Script): string[] {
  const { world, everForgotten, touched } = script;
  const { typed, deletedBySync, createdBySync } = world.crm;
  const isOfForgotten = (email: string) =>
    [...everForgotten].some((userId) => world.emails.get(userId)?.has(email));
  // A create, or the first update of a contact that was found by the email, can be cut off before the contact names its user. Another user
  // may have taken the contact over, or get its values by a merge.
  const forbidden = deletedBySync.filter(({ userId, contactId, emails }) =>
    emails.some(isOfForgotten)
      ? false
      : userId === undefined
        ? !createdBySync.has(contactId)
        : !everForgotten.has(userId) &&
          !touched.has(userId) &&
          world.item(userId) &&
          !world.contactOf(userId),
  );
  const { contacts } = world.crm.simulator.store;
  const lost = [...typed].flatMap(([contactId, values]) => {
    const contact = contacts.get(contactId);
    if (!contact) return [];
    return [...values].flatMap(([path, value]) =>
      contact.values.get(path) === value || isLostByUpdate(script, contactId, path)
        ? []
        : [`contact ${contactId}: lost ${path} ${value}`],
    );
  });
  return [
    ...forbidden.map(({ contactId, userId }) => `contact ${contactId} of ${userId}: deleted by the sync`),
    ...lost,
  ];
}

function consentProblems(script: Script): string[] {
  const { world, saidYes, optedOutMeanwhile } = script;
  const { addresses } = world.crm.simulator.store;
  const users = world
    .livingUsers()
    .filter((item) => item['email'] !== undefined && !isExcused(script, item))
    .map((item) => readUser(structuredClone(item)).user);
  // If only this user has ever said yes with the address, and with no other, the withdrawal must be there, whatever happened to the item.
  const isLeft = ({ userId, email = '', marketingOptIn }: User) => {
    const others = [...saidYes].filter(([other]) => other !== userId);
    const own = saidYes.get(userId);
    const isOnlyYes = own?.size === 1 && own.has(email) && !others.some(([, emails]) => emails.has(email));
    const last = addresses.get(email).events.findLast(({ by }) => by === 'client');
    return marketingOptIn === false && isOnlyYes && last?.what === 'opt-in';
  };
  // A refused opt-in is left out, with a warning.
  const leftOut = users.filter(({ email = '' }) => world.crm.refusedAddresses.has(email));
  return [
    ...addresses.undone
      .filter((email) => !optedOutMeanwhile.has(email))
      .map((email) => `${email}: an opt-out of others was undone`),
    ...consentFindings(users, addresses.all(), world.now).filter(
      (finding) =>
        !finding.includes(NOT_OPTED_IN) || !leftOut.some(({ userId }) => finding.startsWith(`${userId}:`)),
    ),
    ...users.filter(isLeft).map(({ userId }) => `${userId}: said no, and is opted in`),
  ];
}

async function erasureProblems({ world, forgotten, touched }: Script): Promise<string[]> {
  const checks = [...forgotten].map(async ([userId, contactIds]) => {
    const alive = world.contacts().filter((contact) => world.crm.userIdOf(contact) === userId);
    const record = await world.erasureRecords.read(userId);
    // Another user has taken the contact over, and overwritten its values.
    const isKept = (record?.answer ?? record?.done) === 'kept';
    // Another user took the contact over before the sync had stored that it was this user's.
    const isTaken = contactIds.every((id) => world.livingUsers().some(({ crm }) => crm?.contactId === id));
    const isProven =
      record?.done === 'delete' ||
      isKept ||
      (record !== undefined && contactIds.length === 0) ||
      (record?.done === 'no-contact' && isTaken);
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
