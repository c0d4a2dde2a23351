import { BACKFILL_WAIT } from '../../shared/quota/retry-policy.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';
import { isFull } from '../../shared/sync/tag-estimate.ts';
import type { User } from '../../shared/user/user.ts';
import { planSync, type SyncContext } from './plan-user.ts';
import type { BackfillPorts } from './ports.ts';
import type { Run, SentUser, TagJob } from './run.ts';

/** `pending`: the contact is not up to date yet. `tagsPending`: only the tags are not. `rejected`: the CRM refused the user for good. */
type Outcome = 'pending' | 'tagsPending' | 'done' | { rejected: string };

/** Users of a tag job that are checked at once. The others are checked when these are done. */
const TAG_JOB_CHECK = 100;
/** Unfinished users that the output names. */
const MAX_NAMED = 100;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
/** A user who is in flight for longer may have failed several times. */
const SLOW_MS = 5 * SECOND_MS;
/** How much the clocks of two functions may differ. */
const CLOCK_SKEW_MS = SECOND_MS;

/** The outcome of a user, from its item: the consumer stores there what it did. */
function outcomeOf(user: User | undefined, sentAt: number, context: SyncContext): Outcome {
  if (!user) return 'done';
  const plan = planSync(user, context);
  if (plan.kind === 'nothing') return 'done';
  if (plan.kind === 'invalid') return { rejected: plan.reason };
  const { rejection } = user.crm ?? {};
  if (rejection && Date.parse(rejection.at) >= sentAt - CLOCK_SKEW_MS) return { rejected: rejection.reason };
  return plan.requests === 0 ? 'tagsPending' : 'pending';
}

/**
 * Removes the users in flight who are done or rejected from the run, and counts them. Only the user table decides: a message that is
 * delivered twice, or a consumer that dies at any moment, does not change a total.
 */
export async function checkUsersInFlight(
  run: Run,
  ports: BackfillPorts,
  context: SyncContext,
): Promise<void> {
  run.sent = await removeFinished(run, run.sent, ports, context, (userId) => {
    if (isFull(pendingSize(run))) return false;
    const { pendingTags } = run;
    if (pendingTags.userIds.length === 0) pendingTags.since = context.now;
    addPending(run, userId);
    return true;
  });
  const job = run.tagJob;
  if (!job) return;
  for (;;) {
    const checked = job.userIds.slice(0, TAG_JOB_CHECK).map((userId) => ({ userId, sentAt: job.sentAt }));
    // A user whom the job has tagged can need other tags by now, because some tags depend on time. That counts as done: no message about it
    // is on its way, and the next refresh changes them. If fields differ, the job cannot help, and the user is in flight alone.
    const pending = await removeFinished(run, checked, ports, context, () => false, isTagged);
    if (pending.length < checked.length) job.lastProgressAt = context.now;
    job.userIds = [...pending.map(({ userId }) => userId), ...job.userIds.slice(TAG_JOB_CHECK)];
    if (pending.length > 0 || job.userIds.length === 0) break;
  }
  if (job.userIds.length === 0) run.tagJob = null;
}

/**
 * @param moveToTags moves a user whose contact is up to date to those who wait for a tag job. False keeps the user in flight.
 * @param isDone whether a user whose tags still differ counts as done. If the fields of such a user differ, it is in flight alone instead.
 * @returns the users who are still in flight.
 */
async function removeFinished(
  run: Run,
  sent: readonly SentUser[],
  ports: BackfillPorts,
  context: SyncContext,
  moveToTags: (userId: string) => boolean,
  isDone: (user: User | undefined, sentAt: number) => boolean = () => false,
): Promise<SentUser[]> {
  if (sent.length === 0) return [];
  const users = new Map(
    (await ports.users(sent.map(({ userId }) => userId))).map((user) => [user.userId, user]),
  );
  return sent.filter(({ userId, sentAt }) => {
    const user = users.get(userId);
    const found = outcomeOf(user, sentAt, context);
    const outcome = found === 'tagsPending' && isDone(user, sentAt) ? 'done' : found;
    if (outcome === 'pending' && isDone(user, sentAt)) {
      run.sent.push({ userId, sentAt });
      return false;
    }
    if (outcome === 'pending' || (outcome === 'tagsPending' && !moveToTags(userId))) return true;
    if (outcome === 'done') run.done++;
    else if (outcome !== 'tagsPending')
      run.rejected[outcome.rejected] = (run.rejected[outcome.rejected] ?? 0) + 1;
    run.lastDoneAt = context.now;
    run.lastProgressAt = context.now;
    return false;
  });
}

/** Whether the tags of a user were set after a time (epoch milliseconds), and all of them are certain. */
const isTagged = (user: User | undefined, since: number): boolean => {
  const { tagIds, uncertainTagIds = [], syncedAt } = user?.crm ?? {};
  return (
    tagIds !== undefined &&
    uncertainTagIds.length === 0 &&
    syncedAt !== undefined &&
    Date.parse(syncedAt) > since
  );
};

/** The size of the list of users whose tags wait for a job, for {@link isFull}. */
export const pendingSize = ({ pendingTags: { userIds, bytes } }: Run) => ({ users: userIds.length, bytes });

/** Adds a user whose tags wait for a job. */
export function addPending({ pendingTags }: Run, userId: string): void {
  pendingTags.userIds.push(userId);
  pendingTags.bytes += Buffer.byteLength(userId);
}

/**
 * Stops waiting for users who keep failing, so that the run ends. While there are users to send, it drops only users who fail while others
 * are done: when all fail, the CRM is down, and the run waits. After `BACKFILL_WAIT.idleMs` without progress, it drops the slow ones.
 *
 * @param allSent whether no more users are to be sent.
 */
export async function dropFailingUsers(
  run: Run,
  allSent: boolean,
  ports: Pick<BackfillPorts, 'postponed'>,
  now: number,
): Promise<void> {
  const isIdle = now - run.lastProgressAt > BACKFILL_WAIT.idleMs;
  const slow = run.sent.filter(({ sentAt }) => now - sentAt > SLOW_MS);
  const job = run.tagJob && now - run.tagJob.lastProgressAt > SLOW_MS ? run.tagJob : null;
  const jobUserIds = isIdle ? job?.userIds : job?.userIds.slice(0, TAG_JOB_CHECK);
  if (slow.length === 0 && !job) return;
  const groups = [...slow.map(({ userId }) => userId), ...(jobUserIds ?? [])].map(messageGroupOf);
  const postponed = await ports.postponed.read(job ? [...groups, job.group] : groups);
  const reasonOf = (group: string): string | undefined => {
    const found = postponed.get(group);
    return found && now - Date.parse(found.at) < BACKFILL_WAIT.failureMs ? found.reason : undefined;
  };
  const othersAreDone = (sentAt: number) => allSent || run.lastDoneAt > sentAt;
  const drop = (userId: string, sentAt: number, reason: string | undefined, waitsForJob = false): boolean => {
    if (!((isIdle && !waitsForJob) || (reason !== undefined && othersAreDone(sentAt)))) return false;
    run.unfinished.total++;
    if (run.unfinished.users.length < MAX_NAMED)
      run.unfinished.users.push({
        userId,
        reason: reason ?? `Not done within ${BACKFILL_WAIT.idleMs / MINUTE_MS} minutes`,
      });
    return true;
  };
  const dropped = new Set(
    slow
      .filter(({ userId, sentAt }) => drop(userId, sentAt, reasonOf(messageGroupOf(userId)), !!run.tagJob))
      .map(({ userId }) => userId),
  );
  run.sent = run.sent.filter(({ userId }) => !dropped.has(userId));
  if (job) dropFromJob(run, job, now, reasonOf, drop);
  if (isIdle) run.lastProgressAt = now;
}

function dropFromJob(
  run: Run,
  job: TagJob,
  now: number,
  reasonOf: (group: string) => string | undefined,
  drop: (userId: string, sentAt: number, reason: string | undefined) => boolean,
): void {
  const jobReason = now - job.lastProgressAt > BACKFILL_WAIT.tagJobMs ? reasonOf(job.group) : undefined;
  job.userIds = job.userIds.filter(
    (userId) => !drop(userId, job.sentAt, reasonOf(messageGroupOf(userId)) ?? jobReason),
  );
  if (job.userIds.length === 0) run.tagJob = null;
}
