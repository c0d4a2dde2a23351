import pMap from 'p-map';
import { userIdFieldOf } from '../contacts/ownership.ts';
import { bucketOf, withBuckets } from '../events/buckets.ts';
import type { ContactState, SeenContact } from '../events/contact-state.ts';
import { type ContactChange, diffContact, isNews, type OwnWrites } from '../events/diff-contact.ts';
import type { CloudEvent } from '../events/event-types.ts';
import type { CatalogSource } from '../infusionsoft/catalog/catalog-source.ts';
import type { Invocation } from '../invocation.ts';
import type { EventStore } from '../store/event-store.ts';
import type { UserTable } from '../store/user-table.ts';
import type { Mapping } from '../user/define-mapping.ts';
import type { AccountNames } from './account-names.ts';
import { type EventContext, eventOf } from './event-of-change.ts';
import type { EventPublisher } from './event-publisher.ts';
import { logEvents } from './log-events.ts';
import { type ContactRecords, ownWrites } from './own-writes.ts';
import { type OwnersDependencies, recordsOf } from './owners.ts';

export interface SightingsDependencies extends OwnersDependencies {
  store: EventStore;
  users: Pick<UserTable, 'readMany' | 'writeCrm'>;
  publisher: EventPublisher;
  names: AccountNames;
  catalogSource: Pick<CatalogSource, 'latest'>;
  mapping: Mapping;
  /** `/user-sync/<name of the stack>`. */
  source: string;
  /** The running invocation. */
  invocation: () => Invocation;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface Reading {
  /** When the request was made whose answer shows the contacts, in epoch milliseconds. */
  readAt: number;
  /** Contacts that were created before this time make no events when they are seen for the first time. Epoch milliseconds. */
  baselineAt: number;
  /**
   * Set for the first listing. A contact that the sync is working on is stored as it is shown, without events: later changes are compared
   * with it, and those of the sync are found in its records then. If it were left out, the next change of a person would make no event.
   */
  isFirst?: boolean;
  /** Set for a replay: what the sync did not write makes another event, and no state is stored. The text goes into the event ids. */
  replay?: string;
}

/** Rows that are written at a time. */
const CONCURRENT_WRITES = 20;

/** A contact and all that an answer shows of it, in the order of the answer. */
interface Group {
  contactId: number;
  sightings: SeenContact[];
}

/** The new state of a contact, and its events. */
interface Outcome {
  next: ContactState;
  events: CloudEvent[];
}

/**
 * Compares what an answer of the CRM shows with the stored states, publishes the differences that the sync did not make itself, and stores
 * the new states. In this order, so that a failure in between publishes an event twice, with the same id, and loses none.
 *
 * @returns what has to be read again: the sync is working on the contact, only a tag or a status was seen of a contact without a stored
 * state, or the user's row changed.
 * @throws RetryableError when the cloud fails.
 */
export async function applySightings(
  sightings: readonly SeenContact[],
  reading: Reading,
  dependencies: SightingsDependencies,
): Promise<{ deferred: SeenContact[]; events: number }> {
  const { store, publisher, names, catalogSource, mapping, invocation, now, source } = dependencies;
  const groups = groupsOf(sightings);
  const buckets = await store.readBuckets(groups.map(({ contactId }) => bucketOf(contactId)));
  const known = (contactId: number): ContactState | undefined =>
    buckets.get(bucketOf(contactId))?.[contactId];
  const news = groups.filter(
    ({ contactId, sightings: all }) =>
      reading.replay !== undefined || all.some((seen) => isNews(known(contactId), seen)),
  );
  if (news.length === 0) return { deferred: [], events: 0 };

  const [catalog, records] = await Promise.all([
    catalogSource.latest(),
    recordsOf(news.map(withEmails), dependencies),
  ]);
  const context = { catalog, mapping, invocation: invocation(), readAt: reading.readAt, now: now() };
  const userIdField = userIdFieldOf(catalog, mapping);
  const userIdKey = userIdField === undefined ? undefined : `custom_fields.${userIdField}`;
  const deferred: SeenContact[] = [];
  const changed: {
    group: Group;
    own: OwnWrites;
    record: ContactRecords;
    before: ContactState | undefined;
    /** The contact is stored without events. */
    isOld: boolean;
  }[] = [];
  for (const group of news) {
    const record = records.get(group.contactId);
    if (!record) continue;
    const before = known(group.contactId);
    const showsUser = userIdKey !== undefined && shows(userIdKey, group, before);
    const own = ownWrites(record, { ...context, showsUser });
    // A replay cannot read a contact again later. It stores nothing.
    const isReadOnce = (reading.isFirst === true && !before) || reading.replay !== undefined;
    if ((own.isUnsettled && !isReadOnce) || isUnknown(before, group)) {
      deferred.push(...group.sightings);
      continue;
    }
    const createdAt = group.sightings[0]?.createdAt ?? reading.readAt;
    const isOld = !before && (own.isUnsettled || createdAt < reading.baselineAt);
    changed.push({ group, own: { ...own, isUnsettled: false }, record, before, isOld });
  }

  const all = changed.map(({ group, own, record, before, isOld }) => ({
    group,
    record,
    ...changesOf(group, before, own, isOld, reading.replay),
  }));
  await names.learn(idsToName(all.flatMap(({ changes }) => changes.map(({ change }) => change))));
  const eventContext: EventContext = { names, mapping, source, now: now() };
  const outcomes = new Map<number, Outcome>();
  const stored = await pMap(
    all,
    ({ record, next }) => reading.replay !== undefined || storeStatus(record, next, dependencies),
    { concurrency: CONCURRENT_WRITES },
  );
  for (const [index, { group, record, next, changes }] of all.entries()) {
    if (!stored[index]) {
      deferred.push(...group.sightings);
      continue;
    }
    const events = changes.map(({ change, seen, state }) =>
      eventOf(change, seen, state, record, eventContext),
    );
    outcomes.set(group.contactId, { next, events });
  }
  const events = [...outcomes.values()].flatMap((outcome) => outcome.events);
  await publisher.publish(events);
  if (reading.replay === undefined) await storeStates(outcomes, buckets, store);
  await logEvents(events, store);
  return { deferred, events: events.length };
}

function groupsOf(sightings: readonly SeenContact[]): Group[] {
  const groups = Map.groupBy(sightings, ({ contactId }) => contactId);
  return [...groups].map(([contactId, all]) => ({ contactId, sightings: all }));
}

const withEmails = ({ contactId, sightings }: Group) => ({
  contactId,
  emails: sightings.flatMap(({ fields }) =>
    [...(fields ?? [])].flatMap(([key, value]) => (/^EMAIL\d$/.test(key) ? [value] : [])),
  ),
});

const shows = (key: string, { sightings }: Group, before: ContactState | undefined): boolean =>
  before?.f[key] !== undefined || sightings.some(({ fields }) => fields?.has(key));

/** Whether only a tag or a status was seen of a contact that has no stored state yet. */
const isUnknown = (before: ContactState | undefined, { sightings }: Group): boolean =>
  (!before || before.gone === true) && sightings.every(({ fields, isGone }) => !fields && !isGone);

interface NumberedChange {
  change: ContactChange;
  seen: SeenContact;
  /** Identifies the state: equal only for equal states. */
  state: readonly unknown[];
}

function changesOf(
  { contactId, sightings }: Group,
  before: ContactState | undefined,
  own: OwnWrites,
  isOld: boolean,
  replay: string | undefined,
): { next: ContactState; changes: NumberedChange[] } {
  let state = before ?? { e: 0, f: {}, t: [], s: {} };
  const changes: NumberedChange[] = [];
  for (const [index, seen] of sightings.entries()) {
    const diff =
      replay === undefined
        ? diffContact(index === 0 ? before : state, seen, own)
        : { next: state, changes: changesAgain(seen, own) };
    const number = replay ?? state.e;
    state = diff.next ?? state;
    if (isOld && replay === undefined) state = { ...state, e: 0 };
    else
      for (const change of diff.changes)
        changes.push({ change, seen, state: [contactId, number, ...detailOf(change, state)] });
  }
  return { next: state, changes };
}

/** The changes of a replay: everything in an answer that the sync did not write. */
function changesAgain({ fields, addedTagId, isGone }: SeenContact, own: OwnWrites): ContactChange[] {
  if (isGone) return [];
  const foreign = [...(fields ?? [])].filter(([key, value]) => !own.field(key, value)).map(([key]) => key);
  return [
    ...(foreign.length > 0 ? [{ type: 'contact.changed' as const, fields: foreign }] : []),
    ...(addedTagId !== undefined && !own.tag(addedTagId, true)
      ? [{ type: 'tag.applied' as const, tagId: addedTagId }]
      : []),
  ];
}

function detailOf(change: ContactChange, { f }: ContactState): unknown[] {
  if ('tagId' in change) return [change.tagId];
  if ('status' in change) return [change.field, change.status];
  if (change.type === 'contact.changed') return change.fields.map((key) => [key, f[key] ?? '']);
  return [];
}

const CUSTOM_FIELD = /^custom_fields\.(\d+)$/;

const idsToName = (changes: readonly ContactChange[]) => ({
  tagIds: changes.flatMap((change) => ('tagId' in change ? [change.tagId] : [])),
  fieldIds: changes.flatMap((change) =>
    ('fields' in change ? change.fields : []).flatMap((key) => {
      const id = CUSTOM_FIELD.exec(key)?.[1];
      return id === undefined ? [] : [Number(id)];
    }),
  ),
});

/**
 * Stores the status of the first address on the user's row, if the mapping declares `emailStatus` as inbound.
 *
 * @returns false if another writer was faster, so the contact has to be read again.
 */
async function storeStatus(
  { user, contactId }: ContactRecords,
  { s, gone }: ContactState,
  { users, mapping }: SightingsDependencies,
): Promise<boolean> {
  const { crm } = user ?? {};
  const emailStatus = s['EMAIL1'];
  if (!user || !crm || crm.contactId !== contactId || gone || !mapping.inbound?.includes('emailStatus'))
    return true;
  if (emailStatus === undefined || crm.emailStatus === emailStatus) return true;
  return (await users.writeCrm(user.userId, { ...crm, emailStatus }, crm.revision)) !== 'conflict';
}

async function storeStates(
  outcomes: ReadonlyMap<number, Outcome>,
  buckets: ReadonlyMap<number, Readonly<Record<string, ContactState>>>,
  store: EventStore,
): Promise<void> {
  const written = new Map<number, Record<string, ContactState>>();
  for (const [contactId, { next }] of outcomes) {
    const bucket = bucketOf(contactId);
    const contacts = written.get(bucket) ?? { ...buckets.get(bucket) };
    contacts[contactId] = next;
    written.set(bucket, contacts);
  }
  const isNew = [...written.keys()].filter((bucket) => !buckets.has(bucket));
  // Ranges first, so that no bucket exists outside of them.
  if (isNew.length > 0) await store.writeRanges(withBuckets(await store.readRanges(), isNew));
  await store.writeBuckets(written);
}
