import equal from 'fast-deep-equal';
import { type ContactState, hashValue, NOTHING_KNOWN, type SeenContact } from './contact-state.ts';
import { NEW_ADDRESS, type StatusEvent, statusEvent } from './email-status.ts';

/** What the sync wrote to a contact, by its records. The sync's own changes make no event. */
export interface OwnWrites {
  /** The sync is working on the contact, so its records are not up to date: the contact has to be read again. */
  isUnsettled: boolean;
  /** Whether the sync created the contact, or deleted it. */
  created: boolean;
  deleted: boolean;
  /** @param value as the CRM shows it; undefined if it shows none. */
  field(key: string, value: string | undefined): boolean;
  tag(tagId: number, isApplied: boolean): boolean;
  /** @param field of the email address, for example `EMAIL1`. */
  status(field: string, status: string): boolean;
}

/** A change that was made in the CRM. */
export type ContactChange =
  | { type: 'contact.created' | 'contact.changed'; fields: readonly string[] }
  | { type: 'contact.deleted' }
  | { type: StatusEvent; field: string; status: string }
  | { type: 'tag.applied' | 'tag.removed'; tagId: number };

export interface ContactDiff {
  /** Undefined if there is nothing to store: the sync is working on the contact, or the contact is unknown and gone. */
  next: ContactState | undefined;
  /** In the order in which they are numbered. */
  changes: readonly ContactChange[];
}

/** Whether an answer shows something that the stored state lacks. It reads no records, since most contacts of a page show nothing new. */
export function isNews(before: ContactState | undefined, seen: SeenContact): boolean {
  const { next, changes } = diffContact(before, seen, NOTHING_OWN);
  return changes.length > 0 || !equal(comparable(next), comparable(before));
}

const comparable = ({ f, t, s, gone }: ContactState = NOTHING_KNOWN) => ({ f, t, s, gone: gone === true });

/** The writes of the sync to a contact of none of the app's users. */
export const NOTHING_OWN: OwnWrites = {
  isUnsettled: false,
  created: false,
  deleted: false,
  field: () => false,
  tag: () => false,
  status: () => false,
};

/**
 * Compares the stored state of a contact with what an answer of the CRM shows. Pure.
 *
 * @param before undefined if nothing is stored: the contact is new.
 */
export function diffContact(
  before: ContactState | undefined,
  seen: SeenContact,
  own: OwnWrites,
): ContactDiff {
  const { e, u, f, t, s, gone } = before ?? NOTHING_KNOWN;
  const seconds = seen.updatedAt === undefined ? undefined : Math.floor(seen.updatedAt / 1000);
  // The answer comes from an older copy of the account.
  if (before && seconds !== undefined && u !== undefined && seconds < u) return { next: before, changes: [] };
  if (own.isUnsettled) return { next: undefined, changes: [] };
  if (seen.isGone) {
    if (!before || gone) return { next: before, changes: [] };
    const changes: ContactChange[] = own.deleted ? [] : [{ type: 'contact.deleted' }];
    return { next: { ...NOTHING_KNOWN, e: e + changes.length, gone: true }, changes };
  }
  const isNew = !before || gone === true;
  const known = isNew ? { f: {}, t: [], s: {} } : { f, t, s };
  const fields = seen.fields ? hashesOf(seen.fields) : known.f;
  const tagIds = tagsOf(seen, known.t);
  const statuses = statusesOf(seen, known, fields);
  const changes = [
    ...fieldChanges(known.f, fields, seen, own, isNew),
    ...statusChanges(known, statuses, fields, own),
    ...tagChanges(known.t, tagIds, own),
  ];
  const updated = seconds ?? u;
  return {
    next: {
      e: e + changes.length,
      ...(updated !== undefined && { u: updated }),
      f: fields,
      t: tagIds,
      s: { ...statuses },
    },
    changes,
  };
}

const hashesOf = (fields: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries([...fields].sort().map(([key, value]) => [key, hashValue(key, value)]));

function statusesOf(
  { statuses, status }: SeenContact,
  known: Pick<ContactState, 'f' | 's'>,
  fields: ContactState['f'],
): Readonly<Record<string, string>> {
  // If the answer does not show the statuses, nothing is known about a new address.
  const kept = Object.entries(known.s).filter(([field]) => known.f[field] === fields[field]);
  const isKnownAddress =
    status !== undefined && known.f[status.field] === hashValue(status.field, status.email);
  return {
    ...(statuses ?? Object.fromEntries(kept)),
    ...(isKnownAddress && { [status.field]: status.status }),
  };
}

function tagsOf({ tagIds, addedTagId }: SeenContact, known: readonly number[]): number[] {
  const tags = new Set(tagIds ?? known);
  if (addedTagId !== undefined) tags.add(addedTagId);
  return [...tags].sort((a, b) => a - b);
}

function fieldChanges(
  known: Readonly<Record<string, string>>,
  seen: Readonly<Record<string, string>>,
  { fields: values }: SeenContact,
  own: OwnWrites,
  isNew: boolean,
): ContactChange[] {
  if (isNew) return own.created ? [] : [{ type: 'contact.created', fields: Object.keys(seen) }];
  const changed = [...new Set([...Object.keys(known), ...Object.keys(seen)])].filter(
    (key) => known[key] !== seen[key] && !own.field(key, values?.get(key)),
  );
  return changed.length > 0 ? [{ type: 'contact.changed', fields: changed.sort() }] : [];
}

function statusChanges(
  known: Pick<ContactState, 'f' | 's'>,
  seen: Readonly<Record<string, string>>,
  fields: ContactState['f'],
  own: OwnWrites,
): ContactChange[] {
  return Object.entries(seen).flatMap(([field, status]) => {
    // A new address may have been opted out before, which makes an event. A known address whose status is not stored makes none.
    const isSameAddress = known.f[field] === fields[field];
    const isNewAddress = !isSameAddress || (known.f[field] === undefined && known.s[field] === undefined);
    const before = isNewAddress ? NEW_ADDRESS : known.s[field];
    const type = statusEvent(before, status);
    return type && !own.status(field, status) ? [{ type, field, status }] : [];
  });
}

function tagChanges(known: readonly number[], seen: readonly number[], own: OwnWrites): ContactChange[] {
  const change = (type: 'tag.applied' | 'tag.removed', ids: readonly number[], others: readonly number[]) =>
    ids
      .filter((tagId) => !others.includes(tagId) && !own.tag(tagId, type === 'tag.applied'))
      .map((tagId): ContactChange => ({ type, tagId }));
  return [...change('tag.applied', seen, known), ...change('tag.removed', known, seen)];
}
