import type { Mapping } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import { recordContacts } from './clean-up.ts';
import { decideContact } from './contact-decision.ts';
import { type ChangeKind, emailsOf, type PlannedChange, planOf, type Step } from './plan.ts';
import { poll, syncStateOf, type WaitOptions, withRetries } from './polling.ts';
import type { Recorder } from './run-record.ts';
import type { TestedSystem } from './system.ts';
import { type Deviation, verifyDeleted, verifyUser } from './verification.ts';

/** Results of a run, collected while it runs. */
export interface Findings {
  deviations: Deviation[];
  notReturned: Set<string>;
  latencies: Map<ChangeKind, number[]>;
}

/** A change that was written to the user table. */
interface MadeChange {
  change: PlannedChange;
  /** Epoch milliseconds. */
  madeAt: number;
}

/**
 * Makes the changes of a run step by step, waits for the sync, and verifies each in the CRM. It stops after a step that the sync did not
 * finish, since later steps would time out too.
 *
 * @param findings receives the results.
 * @param onStep called before each step.
 * @throws AbortError when the signal aborts it, and as the system does.
 */
export async function makeRun(
  recorder: Recorder,
  mapping: Mapping,
  system: TestedSystem,
  wait: WaitOptions,
  findings: Findings,
  onStep: (step: Step) => void,
): Promise<void> {
  let previous: Step = [];
  for (const step of planOf(recorder.current(), mapping, Date.now())) {
    wait.signal?.throwIfAborted();
    onStep(step);
    const made = await Promise.all(step.map((change) => make(change, system)));
    const live = made.filter(({ change }) => change.kind !== 'deleted');
    const gone = made.filter(({ change }) => change.kind === 'deleted');
    const finished = [
      ...(await waitForSync(live, recorder, system, wait, findings)),
      ...(await waitForDeletion(gone, system, wait, findings)),
    ];
    // A user who takes over an email must not change the contact of its previous owner.
    const others = step.some(({ kind }) => kind === 'handover') ? previous : [];
    for (const change of [...finished.map(({ change }) => change), ...others])
      await verify(change, recorder, system, wait, findings);
    if (finished.length < made.length) return;
    previous = step;
  }
}

async function make(change: PlannedChange, { app }: TestedSystem): Promise<MadeChange> {
  const madeAt = Date.now();
  if (change.kind === 'created') await app.create(change.user);
  else if (change.kind === 'deleted') await app.remove(change.user.userId);
  else await app.edit(change.user);
  return { change, madeAt };
}

/** @returns the changes that the sync has finished. */
async function waitForSync(
  made: readonly MadeChange[],
  recorder: Recorder,
  { app, sync }: TestedSystem,
  wait: WaitOptions,
  { deviations, latencies }: Findings,
): Promise<MadeChange[]> {
  const waiting = new Map(made.map((each) => [each.change.user.userId, each]));
  const finished: MadeChange[] = [];
  const fail = (userId: string, found: string) => {
    const kind = waiting.get(userId)?.change.kind ?? 'created';
    deviations.push({ userId, change: kind, field: 'sync', expected: 'done', found });
    waiting.delete(userId);
  };
  await poll(async () => {
    if (waiting.size === 0) return true;
    const users = await app.read([...waiting.keys()]);
    const seenAt = Date.now();
    await recordContacts(recorder, users);
    const context = await sync.context();
    if (!context) return undefined;
    for (const user of users) {
      const state = await syncStateOf(user, context);
      const each = waiting.get(user.userId);
      if (state === 'pending' || !each) continue;
      if (state === 'done') {
        addTo(latencies, each.change.kind, seenAt - each.madeAt);
        finished.push(each);
        waiting.delete(user.userId);
      } else fail(user.userId, `rejected: ${state.rejected}`);
    }
    return waiting.size === 0 ? true : undefined;
  }, wait);
  const why = (await sync.context())
    ? `not within ${wait.timeoutMs / 1000} s`
    : 'the sync has not read the account for this mapping: deploy the mapping of the working tree';
  for (const userId of waiting.keys()) fail(userId, why);
  return finished;
}

/** @returns the changes that the sync has finished. */
async function waitForDeletion(
  made: readonly MadeChange[],
  { sync }: TestedSystem,
  wait: WaitOptions,
  { deviations, latencies }: Findings,
): Promise<MadeChange[]> {
  const waiting = new Set(made);
  await poll(async () => {
    for (const each of waiting) {
      const { user, kind } = each.change;
      if (!(await sync.erasureRecord(user.userId))) continue;
      addTo(latencies, kind, Date.now() - each.madeAt);
      waiting.delete(each);
    }
    return waiting.size === 0 ? true : undefined;
  }, wait);
  for (const { change } of waiting)
    deviations.push({
      userId: change.user.userId,
      change: 'deleted',
      field: 'sync',
      expected: 'done',
      found: `not within ${wait.timeoutMs / 1000} s`,
    });
  return made.filter((each) => !waiting.has(each));
}

async function verify(
  { kind, user: planned }: PlannedChange,
  recorder: Recorder,
  { app, crm, sync }: TestedSystem,
  wait: WaitOptions,
  { deviations, notReturned }: Findings,
): Promise<void> {
  const { userId } = planned;
  const context = await sync.context();
  if (!context) throw new Error('The catalog of the mapping was removed');
  const row: User | undefined = kind === 'deleted' ? planned : (await app.read([userId]))[0];
  const contactId =
    row?.crm?.contactId ??
    recorder.current().contacts.findLast((contact) => contact.userId === userId)?.contactId;
  const contact = contactId === undefined ? undefined : await withRetries(() => crm.read(contactId), wait);
  const run = recorder.current();
  const decision = decideContact(contactId ?? 0, contact, emailsOf(run), Date.parse(run.startedAt));
  if ('why' in decision) {
    // It may be a person's contact: do not print its data.
    const found = `contact ${contactId}: ${decision.why}`;
    deviations.push({ userId, change: kind, field: 'contact', expected: 'a contact of this run', found });
  } else if (kind === 'deleted') {
    deviations.push(...(await verifyDeleted(planned, contact, context)));
  } else if (row) {
    const verified = await verifyUser(row, kind, contact, crm.requested(), context);
    deviations.push(...verified.deviations);
    for (const field of verified.notReturned) notReturned.add(field);
  } else {
    deviations.push({ userId, change: kind, field: 'user', expected: 'in the table', found: null });
  }
}

function addTo<Key>(lists: Map<Key, number[]>, key: Key, value: number): void {
  lists.set(key, [...(lists.get(key) ?? []), value]);
}
