import { setTimeout as sleep } from 'node:timers/promises';
import { isLeased } from '../../../shared/contacts/lease.ts';
import { newEnvironment } from '../../../shared/invocation.ts';
import { decideContact, unrecordedContacts } from './contact-decision.ts';
import { emailsOf, prefixOf, userIdsOf } from './plan.ts';
import { poll, syncStateOf, type WaitOptions, withRetries } from './polling.ts';
import type { Recorder, RunRecord } from './run-record.ts';
import type { TestedSystem } from './system.ts';

/** How long a clean-up waits for the sync to finish before it deletes users, in milliseconds. */
const LAST_CHANGES_MS = 60_000;
/** How long to wait for late items of the run in the sync's table, in milliseconds. */
const QUIET_MS = 2000;

/** The result of a clean-up. */
export interface CleanUp {
  runId: string;
  /** Users deleted from the user table by the clean-up. */
  users: number;
  contacts: number;
  /** Items deleted from the sync's table. */
  items: number;
  /** What was not removed and why. The record of the run is kept then. */
  remaining: string[];
}

/**
 * Removes everything that a run has created, in this order. It can be interrupted at any point and run again.
 *
 * 1. Waits until the sync has finished its work on the run's users, and records their contacts.
 * 2. Deletes the users, and waits until the sync has applied the deletion policy.
 * 3. Deletes the recorded contacts ({@link decideContact}), and searches for others with the run's emails, which it only reports.
 * 4. Deletes the items about the users in the sync's table, and then the record of the run.
 *
 * A step does not begin while an earlier one has left something: the sync would create it again.
 */
export async function cleanUp(recorder: Recorder, system: TestedSystem, wait: WaitOptions): Promise<CleanUp> {
  const result: CleanUp = {
    runId: recorder.current().runId,
    users: 0,
    contacts: 0,
    items: 0,
    remaining: [],
  };
  const steps = [retireUsers, deleteContacts, deleteItems];
  for (const step of steps) {
    if (result.remaining.length > 0) break;
    try {
      await step(recorder, system, wait, result);
    } catch (error) {
      // The record of the run is kept, so the next run continues from here.
      result.remaining.push(`not finished: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (result.remaining.length === 0) await recorder.remove();
  return result;
}

async function retireUsers(
  recorder: Recorder,
  system: TestedSystem,
  wait: WaitOptions,
  result: CleanUp,
): Promise<void> {
  if (recorder.current().retired) return;
  const userIds = userIdsOf(recorder.current());
  await waitForLastChanges(userIds, system, wait);
  const busy = async () =>
    (await system.app.read(userIds))
      .filter(
        ({ crm = {} }) => isLeased(crm, newEnvironment(), Date.now()) || (!crm.contactId && !crm.rejection),
      )
      .map(({ userId }) => userId);
  await poll(async () => ((await busy()).length === 0 ? true : undefined), wait);
  for (const userId of await busy()) result.remaining.push(`user ${userId}: the sync has not finished`);
  if (result.remaining.length > 0) return;

  const rows = await system.app.read(userIds);
  await recordContacts(recorder, rows);
  for (const { userId } of rows) await system.app.remove(userId);
  result.users += rows.length;

  const waiting = new Set(recorder.current().contacts.map(({ userId }) => userId));
  await poll(async () => {
    for (const userId of waiting) if (await system.sync.erasureRecord(userId)) waiting.delete(userId);
    return waiting.size === 0 ? true : undefined;
  }, wait);
  for (const userId of waiting)
    result.remaining.push(`user ${userId}: the sync has not applied the deletion policy to its contact`);
  if (result.remaining.length === 0) await recorder.update({ retired: true });
}

/**
 * Waits until the sync has finished the last changes of all users. A user that is deleted during its sync would be retired twice, by the
 * sync and by the message of the deletion. Gives up after {@link LAST_CHANGES_MS}: a user that the sync does not know would never be done.
 */
async function waitForLastChanges(
  userIds: readonly string[],
  { app, sync }: TestedSystem,
  { timeoutMs }: WaitOptions,
): Promise<void> {
  const isDone = async (): Promise<true | undefined> => {
    const [context, users] = await Promise.all([sync.context(), app.read(userIds)]);
    if (!context) return users.length === 0 ? true : undefined;
    const states = await Promise.all(users.map((user) => syncStateOf(user, context)));
    return states.includes('pending') ? undefined : true;
  };
  await poll(isDone, { timeoutMs: Math.min(timeoutMs, LAST_CHANGES_MS) });
}

/** Records the current contacts of users. Earlier contacts of a user stay recorded. */
export async function recordContacts(
  recorder: Recorder,
  users: readonly { userId: string; crm?: { contactId?: number | undefined } | undefined }[],
): Promise<void> {
  const { contacts } = recorder.current();
  const fresh = users.flatMap(({ userId, crm }): RunRecord['contacts'] => {
    const contactId = crm?.contactId;
    const isKnown = contacts.some((known) => known.userId === userId && known.contactId === contactId);
    return contactId === undefined || isKnown ? [] : [{ userId, contactId }];
  });
  if (fresh.length > 0) await recorder.update({ contacts: [...contacts, ...fresh] });
}

async function deleteContacts(
  recorder: Recorder,
  { crm }: TestedSystem,
  wait: WaitOptions,
  result: CleanUp,
): Promise<void> {
  const run = recorder.current();
  const emails = emailsOf(run);
  const recordedIds = new Set(run.contacts.map(({ contactId }) => contactId));
  for (const contactId of recordedIds) {
    const found = await withRetries(() => crm.read(contactId), wait);
    const decision = decideContact(contactId, found, emails, Date.parse(run.startedAt));
    if (decision.action === 'keep') result.remaining.push(`contact ${contactId}: ${decision.why}`);
    if (decision.action !== 'delete') continue;
    await withRetries(() => crm.remove(contactId), wait);
    if (await withRetries(() => crm.read(contactId), wait))
      result.remaining.push(`contact ${contactId}: still exists in the CRM after its deletion`);
    else result.contacts++;
  }
  for (const email of emails) {
    const found = await withRetries(() => crm.search(email), wait);
    for (const id of unrecordedContacts(found, email, recordedIds))
      result.remaining.push(
        `contact ${id}: has the email ${email}, but belonged to no user of the run. Delete it by hand`,
      );
  }
}

async function deleteItems(
  recorder: Recorder,
  { app, sync }: TestedSystem,
  wait: WaitOptions,
  result: CleanUp,
): Promise<void> {
  const run = recorder.current();
  const prefix = prefixOf(run.runId);
  const removeItems = async (): Promise<true | undefined> => {
    const keys = await sync.itemsAbout(prefix);
    for (const key of keys) await sync.removeItem(key, prefix);
    result.items += keys.length;
    if (keys.length === 0) return true;
    // A duplicate message may still arrive.
    await sleep(QUIET_MS);
    return undefined;
  };
  if (!(await poll(removeItems, wait)))
    result.remaining.push("items of the sync's table: new ones keep appearing");
  for (const { userId } of await app.read(userIdsOf(run)))
    result.remaining.push(`user ${userId}: exists again`);
}
