import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Mapping, managedTags } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import type { User } from '../../shared/user/user.ts';
import type { ReadableContact } from '../simulator/admin-routes.ts';
import type { ChaosContext } from './chaos-context.ts';

const WATCH_EVERY_MS = 1000;

/**
 * Finds users who wait for another user and whose own contact was cleared meanwhile, although it is left only after another one is won.
 * Contacts that people touched are not judged, nor users whose state changed between the two reads.
 */
export function clearedWhileWaiting(
  before: readonly User[],
  contacts: readonly ReadableContact[],
  after: readonly User[],
  touched: ReadonlySet<number>,
  mapping: Mapping,
): string[] {
  const managed = managedTags(mapping);
  const later = new Map(after.map(({ userId, crm }) => [userId, crm]));
  const shown = new Map(contacts.map((contact) => [contact.id, contact]));
  return before.flatMap(({ userId, crm }) => {
    const contact = shown.get(crm?.contactId ?? 0);
    if (!crm?.conflict || !crm.tagIds?.length || !contact || touched.has(contact.id)) return [];
    if (!isDeepStrictEqual(crm, later.get(userId))) return [];
    const isCleared =
      !contact.customFields[mapping.userIdField ?? ''] && !contact.tags.some((tag) => managed.includes(tag));
    return isCleared ? [`${userId}: contact ${contact.id} was cleared while the user waits for another`] : [];
  });
}

/** Looks for such users all the time. @returns a function that stops it and returns the findings. */
export function watchWaitingUsers({ running: { system, controlApi }, manualChanges }: ChaosContext) {
  const stop = new AbortController();
  const found = new Set<string>();
  const watch = async () => {
    while (!stop.signal.aborted) {
      const before = await system.app.users();
      if (before.some(({ crm }) => crm?.conflict && crm.contactId !== undefined)) {
        const contacts = await controlApi.contacts();
        const after = await system.app.users();
        for (const finding of clearedWhileWaiting(before, contacts, after, manualChanges.touched, mapping))
          found.add(finding);
      }
      await sleep(WATCH_EVERY_MS);
    }
    return [...found];
  };
  const watching = watch();
  return (): Promise<string[]> => {
    stop.abort();
    return watching;
  };
}
