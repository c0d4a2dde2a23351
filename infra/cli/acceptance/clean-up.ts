import { setTimeout as sleep } from 'node:timers/promises';
import { isLeased } from '../../../shared/contacts/lease.ts';
import { newEnvironment } from '../../../shared/invocation.ts';
import { decideContact, unrecordedContacts } from './contact-decision.ts';
import { emailsOf, prefixOf, userIdsOf } from './plan.ts';
import type { Recorder, RunRecord } from './run-record.ts';
import type { TestedSystem } from './system.ts';
import { type Patience, patiently, poll, syncStateOf } from './waiting.ts';

/** How long a clean-up waits for the sync's last changes before it deletes users, in milliseconds. */
const LAST_CHANGES_MS = 60_000;
/** How long the sync's table has to stay without an item of the run, in milliseconds. */
const QUIET_MS = 2000;

/** What a clean-up removed, and what it had to leave. */
export interface CleanUp {
  runId: string;
  /** Users deleted from the user table by the clean-up itself. */
  users: number;
  contacts: number;
  /** Items deleted from the sync's table. */
  items: number;
  /** What is left of the run and why, in words. The record of the run stays then. */
  remaining: string[];
}

/**
 * Removes all that a run has made, in this order. It can be stopped at any point and done again.
 *
 * 1. Waits until the sync has finished its work on the run's users, and records their contacts.
 * 2. Deletes the users, and waits until the sync has applied the deletion policy.
 * 3. Deletes the recorded contacts ({@link decideContact}), and searches for others with the run's emails, which are only reported.
 * 4. Deletes what the sync keeps about the users in its own table, and then the record of the run.
 *
 * Later steps do not begin while an earlier one has left something: the sync would make it again.
 */
export async function cleanUp(
  recorder: Recorder,
  system: TestedSystem,
  patience: Patience,
): Promise<CleanUp> {
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
      await step(recorder, system, patience, result);
    } catch (error) {
      // The record of the run stays, so the next start goes on from here.
      result.remaining.push(`not finished: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (result.remaining.length === 0) await recorder.remove();
  return result;
}

async function retireUsers(
  recorder: Recorder,
  system: TestedSystem,
  patience: Patience,
  result: CleanUp,
): Promise<void> {
  if (recorder.current().retired) return;
  const userIds = userIdsOf(recorder.current());
  await waitForLastChanges(userIds, system, patience);
  const busy = async () =>
    (await system.app.read(userIds))
      .filter(
        ({ crm = {} }) => isLeased(crm, newEnvironment(), Date.now()) || (!crm.contactId && !crm.rejection),
      )
      .map(({ userId }) => userId);
  await poll(async () => ((await busy()).length === 0 ? true : undefined), patience);
  for (const userId of await busy())
    result.remaining.push(`user ${userId}: the sync has not finished its work on it`);
  if (result.remaining.length > 0) return;

  const rows = await system.app.read(userIds);
  await recordContacts(recorder, rows);
  for (const { userId } of rows) await system.app.remove(userId);
  result.users += rows.length;

  const waiting = new Set(recorder.current().contacts.map(({ userId }) => userId));
  await poll(async () => {
    for (const userId of waiting) if (await system.sync.erasureRecord(userId)) waiting.delete(userId);
    return waiting.size === 0 ? true : undefined;
  }, patience);
  for (const userId of waiting)
    result.remaining.push(`user ${userId}: the sync has not applied the deletion policy to its contact`);
  if (result.remaining.length === 0) await recorder.update({ retired: true });
}

/**
 * Waits until the sync has brought in the last changes of all users. A user that is deleted in the middle of its sync would be
 * retired twice, by the sync and by the message of the deletion. It goes on after a while: a user whom the sync has never heard of
 * under this mapping would never be done.
 */
async function waitForLastChanges(
  userIds: readonly string[],
  { app, sync }: TestedSystem,
  { timeoutMs }: Patience,
): Promise<void> {
  const isDone = async (): Promise<true | undefined> => {
    const [context, users] = await Promise.all([sync.context(), app.read(userIds)]);
    if (!context) return users.length === 0 ? true : undefined;
    const states = await Promise.all(users.map((user) => syncStateOf(user, context)));
    return states.includes('pending') ? undefined : true;
  };
  await poll(isDone, { timeoutMs: Math.min(timeoutMs, LAST_CHANGES_MS) });
}

/** Records the contacts that users have now. A user can have had another before: that one stays recorded. */
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
  patience: Patience,
  result: CleanUp,
): Promise<void> {
  const run = recorder.current();
  const emails = emailsOf(run);
  const recordedIds = new Set(run.contacts.map(({ contactId }) => contactId));
  for (const contactId of recordedIds) {
    const found = await patiently(() => crm.read(contactId), patience);
    const decision = decideContact(contactId, found, emails, Date.parse(run.startedAt));
    if (decision.action === 'keep') result.remaining.push(`contact ${contactId}: ${decision.why}`);
    if (decision.action !== 'delete') continue;
    await patiently(() => crm.remove(contactId), patience);
    if (await patiently(() => crm.read(contactId), patience))
      result.remaining.push(`contact ${contactId}: the CRM still has it after it was deleted`);
    else result.contacts++;
  }
  for (const email of emails) {
    const found = await patiently(() => crm.search(email), patience);
    for (const id of unrecordedContacts(found, email, recordedIds))
      result.remaining.push(
        `contact ${id}: shows ${email}, but no user of the run had it. Delete it by hand`,
      );
  }
}

async function deleteItems(
  recorder: Recorder,
  { app, sync }: TestedSystem,
  patience: Patience,
  result: CleanUp,
): Promise<void> {
  const run = recorder.current();
  const prefix = prefixOf(run.runId);
  const removeItems = async (): Promise<true | undefined> => {
    const keys = await sync.itemsAbout(prefix);
    for (const key of keys) await sync.removeItem(key, prefix);
    result.items += keys.length;
    if (keys.length === 0) return true;
    // A message that was delivered twice may be on its way still.
    await sleep(QUIET_MS);
    return undefined;
  };
  if (!(await poll(removeItems, patience)))
    result.remaining.push("items of the sync's table: they come back again and again");
  for (const { userId } of await app.read(userIdsOf(run)))
    result.remaining.push(`user ${userId}: it came back`);
}
