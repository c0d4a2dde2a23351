import { createHash } from 'node:crypto';
import type { SeenContact } from '../events/contact-state.ts';
import { MAX_LISTED_IDS } from '../infusionsoft/change-reader.ts';
import type { AddressStatus } from '../infusionsoft/listed-schemas.ts';
import type { EventStore, OptOutAddresses, OptOutListing } from '../store/event-store.ts';
import { SYNC_TABLE_ITEMS } from '../store/sync-table-items.ts';
import { applySightings } from './apply-sightings.ts';
import { contactsSeen } from './contact-lists.ts';
import type { PollDependencies } from './poll-list.ts';
import { readPage } from './read-page.ts';

/** A third of the pages of the other listing that are in memory at a time. All 30,000 addresses take about a second to read. */
const CHUNK = 10;

/**
 * Lists the email addresses that get no marketing, and compares them with the last listing. This finds opt-outs and bounces, which may not
 * count as updates of a contact. It only looks up addresses of the app's users; the full listing of contacts shows those of others.
 *
 * The CRM lists addresses in their order, so an address is on about the same page of both listings, and only the pages around it are
 * compared. One that has moved further is looked up as if it were new or gone. This costs requests, but makes no event: events come from
 * the stored states of contacts.
 *
 * @param scheduledAt if a listing for this time or a later one is complete, nothing is done. ISO 8601.
 * @param baselineAt when events began, in epoch milliseconds.
 * @returns whether the listing is complete; if not, the invocation has no time for another page.
 */
export async function listOptOuts(
  scheduledAt: string,
  baselineAt: number,
  dependencies: PollDependencies,
): Promise<boolean> {
  const { store, client, hasTime, now } = dependencies;
  const listing = await store.readOptOutListing();
  if (listing.completedAt !== undefined && listing.completedAt >= scheduledAt) return true;
  const { run: begun, ...kept } = listing;
  let run: NonNullable<typeof begun> = begun ?? {
    scheduledAt,
    generation: listing.generation === 'a' ? 'b' : 'a',
    pages: 0,
  };
  const before = pagesAround(listing, store);
  while (run.compared === undefined) {
    // Read before the time of this part begins to count.
    await before(run.pages);
    if (!hasTime()) return false;
    const readAt = now();
    const { page, run: current } = await readPage(
      run,
      (token) => client.listOptOuts(token),
      () => store.writeOptOutListing(kept),
    );
    const { items, nextToken } = page;
    const reading = { readAt, baselineAt };
    const addresses = await compare(items, await before(current.pages), reading, dependencies);
    await store.writeOptOuts(current.generation, current.pages, addresses);
    const { token: _, ...rest } = current;
    const isLast = nextToken === undefined || items.length === 0;
    run = { ...rest, pages: current.pages + 1, ...(isLast ? { compared: 0 } : { token: nextToken }) };
    await store.writeOptOutListing({ ...listing, run });
  }
  const after = pagesAround(run, store);
  for (let page = run.compared; page < listing.pages; page++) {
    const shown = await after(page);
    if (!hasTime()) {
      await store.writeOptOutListing({ ...listing, run: { ...run, compared: page } });
      return false;
    }
    const left = Object.entries(await store.readOptOuts(listing.generation, page, page + 1)).filter(
      ([hash, [, contactId]]) => contactId > 0 && !shown[hash],
    );
    const contactIds = new Set(left.map(([, [, contactId]]) => contactId));
    const deferred = await lookAgain([...contactIds], baselineAt, dependencies);
    if (deferred.size === 0) continue;
    // Their addresses keep their old entries, on a page of their own, so that the next listing looks at them again.
    const again = left.filter(([, [, contactId]]) => deferred.has(contactId));
    await store.writeOptOuts(run.generation, run.pages, Object.fromEntries(again));
    run = { ...run, pages: run.pages + 1 };
  }
  const completedAt = scheduledAt > run.scheduledAt ? scheduledAt : run.scheduledAt;
  await store.writeOptOutListing({ completedAt, generation: run.generation, pages: run.pages });
  return true;
}

/** @returns a function that reads the addresses of a listing that are at most {@link CHUNK} pages from a page, and some more. */
function pagesAround(
  { generation, pages }: Pick<OptOutListing, 'generation' | 'pages'>,
  store: Pick<EventStore, 'readOptOuts'>,
): (page: number) => Promise<OptOutAddresses> {
  let known: { chunk: number; addresses: OptOutAddresses } | undefined;
  return async (page) => {
    const chunk = Math.floor(page / CHUNK);
    if (known?.chunk !== chunk) {
      const from = Math.max(0, (chunk - 1) * CHUNK);
      const end = Math.min(pages, (chunk + 2) * CHUNK);
      known = { chunk, addresses: await store.readOptOuts(generation, from, end) };
    }
    return known.addresses;
  };
}

/** 72 bits are enough: a listing is only compared with the one before it. */
const hashOf = (email: string): string =>
  createHash('sha256').update(email.toLowerCase()).digest('base64url').slice(0, 12);

/** @returns the addresses of a page, as the next listing compares them. */
async function compare(
  items: readonly AddressStatus[],
  before: OptOutAddresses,
  reading: { readAt: number; baselineAt: number },
  dependencies: PollDependencies,
): Promise<OptOutAddresses> {
  const known = items.flatMap(({ email, status, opted_in }) =>
    email && status && opted_in !== true ? [{ email, status, hash: hashOf(email) }] : [],
  );
  const news = known.filter(({ hash, status }) => before[hash]?.[0] !== status);
  const contactIds = await contactsOf(
    news.map(({ email }) => email),
    dependencies,
  );
  const sightings = news.flatMap(({ email, status }): SeenContact[] => {
    const contactId = contactIds.get(email);
    return contactId === undefined ? [] : [{ contactId, status: { field: 'EMAIL1', email, status } }];
  });
  const { deferred } = await applySightings(sightings, reading, dependencies);
  const again = new Set(deferred.map(({ status }) => status?.email));
  return Object.fromEntries(
    known.flatMap(({ email, status, hash }): [string, [string, number]][] => {
      const stored = before[hash];
      // An address that has to be read again keeps its old entry, so that the next listing finds it changed again.
      if (again.has(email)) return stored ? [[hash, [...stored]]] : [];
      return [[hash, [status, contactIds.get(email) ?? (stored?.[0] === status ? stored[1] : 0)]]];
    }),
  );
}

/** The contacts of the users who have these emails. */
async function contactsOf(
  emails: readonly string[],
  { claimStore, users }: Pick<PollDependencies, 'claimStore' | 'users'>,
): Promise<ReadonlyMap<string, number>> {
  const keyOf = SYNC_TABLE_ITEMS.emailClaim.key;
  const claims = await claimStore.readMany([...new Set(emails.map(keyOf))]);
  const userIds = [...claims.values()].map(({ userId }) => userId);
  const found = new Map((await users.readMany([...new Set(userIds)])).map((user) => [user.userId, user]));
  return new Map(
    emails.flatMap((email): [string, number][] => {
      const contactId = found.get(claims.get(keyOf(email))?.userId ?? '')?.crm?.contactId;
      return contactId === undefined ? [] : [[email, contactId]];
    }),
  );
}

/**
 * Reads contacts whose address is no longer in the listing: it was opted in again, or the contact has another address.
 *
 * @returns the contacts that have to be read again.
 */
async function lookAgain(
  contactIds: readonly number[],
  baselineAt: number,
  dependencies: PollDependencies,
): Promise<Set<number>> {
  const { client, now } = dependencies;
  const again = new Set<number>();
  for (let start = 0; start < contactIds.length; start += MAX_LISTED_IDS) {
    const ids = contactIds.slice(start, start + MAX_LISTED_IDS);
    const readAt = now();
    const { items } = await client.listContacts({ ids });
    const seen = contactsSeen(items.filter(({ id }) => ids.includes(id)));
    const { deferred } = await applySightings(seen, { readAt, baselineAt }, dependencies);
    for (const { contactId } of deferred) again.add(contactId);
  }
  return again;
}
