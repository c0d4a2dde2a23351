import { BACKFILL_WAIT } from '../../shared/quota/retry-policy.ts';
import { messageGroupOf } from '../../shared/sync/message.ts';
import type { User } from '../../shared/user/user.ts';
import { type NeedContext, workOf } from './need.ts';
import type { BackfillPorts } from './ports.ts';
import type { Run, SentUser, TagJob } from './run.ts';
import { isFull } from './tag-estimate.ts';

/** What has come of a user: nothing yet, or only its contact, or all; or the CRM refuses it for good. */
type Outcome = 'open' | 'tags' | 'done' | { rejected: string };

/** Most users of a tag job that are looked at in one go: the rest is looked at when these are right. */
const LOOK = 100;
/** Users whom the output names. */
const NAMED = 100;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
/** A user who is in flight for longer may have failed several times. */
const SLOW_MS = 5 * SECOND_MS;
/** Clocks of two functions may differ by so much. */
const CLOCKS_MS = SECOND_MS;

/** A user as the table holds it, which is where the consumer stores what it did. */
function outcomeOf(user: User | undefined, sentAt: number, context: Omit<NeedContext, 'mode'>): Outcome {
  if (!user) return 'done';
  const work = workOf(user, context);
  if (work.kind === 'none') return 'done';
  if (work.kind === 'rejected') return { rejected: work.reason };
  const { rejection } = user.crm ?? {};
  if (rejection && Date.parse(rejection.at) >= sentAt - CLOCKS_MS) return { rejected: rejection.reason };
  return work.requests === 0 ? 'tags' : 'open';
}

/**
 * Looks what has come of the users in flight. The table says who is right: a message that comes twice, or a consumer that dies at any
 * moment, changes no count.
 */
export async function settle(
  run: Run,
  ports: BackfillPorts,
  context: Omit<NeedContext, 'mode'>,
): Promise<void> {
  run.sent = await settleUsers(run, run.sent, ports, context, (userId) => {
    if (isFull(pendingOf(run))) return false;
    const { pendingTags } = run;
    if (pendingTags.userIds.length === 0) pendingTags.since = context.now;
    addPending(run, userId);
    return true;
  });
  const job = run.tagJob;
  if (!job) return;
  for (;;) {
    const looked = job.userIds.slice(0, LOOK).map((userId) => ({ userId, sentAt: job.sentAt }));
    // Of a user whose tags the job has set, time alone has changed them since: that is for the next refresh, and no message is on its way.
    const open = await settleUsers(run, looked, ports, context, () => false, isTagged);
    if (open.length < looked.length) job.progressAt = context.now;
    job.userIds = [...open.map(({ userId }) => userId), ...job.userIds.slice(LOOK)];
    if (open.length > 0 || job.userIds.length === 0) break;
  }
  if (job.userIds.length === 0) run.tagJob = null;
}

/** @param toTags takes a user whose contact is right; false leaves it in flight. @returns users who are still in flight. */
async function settleUsers(
  run: Run,
  sent: readonly SentUser[],
  ports: BackfillPorts,
  context: Omit<NeedContext, 'mode'>,
  toTags: (userId: string) => boolean,
  isDone: (user: User | undefined, sentAt: number) => boolean = () => false,
): Promise<SentUser[]> {
  if (sent.length === 0) return [];
  const users = new Map(
    (await ports.users(sent.map(({ userId }) => userId))).map((user) => [user.userId, user]),
  );
  return sent.filter(({ userId, sentAt }) => {
    const user = users.get(userId);
    const found = outcomeOf(user, sentAt, context);
    const outcome = found === 'tags' && isDone(user, sentAt) ? 'done' : found;
    if (outcome === 'open' || (outcome === 'tags' && !toTags(userId))) return true;
    if (outcome === 'done') run.done++;
    else if (outcome !== 'tags') run.rejected[outcome.rejected] = (run.rejected[outcome.rejected] ?? 0) + 1;
    run.completedAt = context.now;
    run.progressAt = context.now;
    return false;
  });
}

/** Whether the tags of a user were set after a moment, and all of them are certain. */
const isTagged = (user: User | undefined, since: number): boolean => {
  const { tagIds, uncertainTagIds = [], syncedAt } = user?.crm ?? {};
  return (
    tagIds !== undefined &&
    uncertainTagIds.length === 0 &&
    syncedAt !== undefined &&
    Date.parse(syncedAt) > since
  );
};

export const pendingOf = ({ pendingTags: { userIds, bytes } }: Run) => ({ users: userIds.length, bytes });

/** Adds a user whose tags wait for a job. */
export function addPending({ pendingTags }: Run, userId: string): void {
  pendingTags.userIds.push(userId);
  pendingTags.bytes += Buffer.byteLength(userId);
}

/**
 * Leaves out users who fail again and again, so that the run ends. While there are users to send, only those who fail while others
 * are done: when all fail, it is the CRM, and the run waits.
 *
 * @param allSent whether nobody is to be sent any more.
 */
export async function leaveOut(
  run: Run,
  allSent: boolean,
  ports: Pick<BackfillPorts, 'postponed'>,
  now: number,
): Promise<void> {
  const isIdle = now - run.progressAt > BACKFILL_WAIT.idleMs;
  const slow = run.sent.filter(({ sentAt }) => now - sentAt > SLOW_MS);
  const job = run.tagJob && now - run.tagJob.progressAt > SLOW_MS ? run.tagJob : null;
  const ofJob = isIdle ? job?.userIds : job?.userIds.slice(0, LOOK);
  if (slow.length === 0 && !job) return;
  const groups = [...slow.map(({ userId }) => userId), ...(ofJob ?? [])].map(messageGroupOf);
  const postponed = await ports.postponed.read(job ? [...groups, job.group] : groups);
  const reasonOf = (group: string): string | undefined => {
    const found = postponed.get(group);
    return found && now - Date.parse(found.at) < BACKFILL_WAIT.failureMs ? found.reason : undefined;
  };
  const others = (sentAt: number) => allSent || run.completedAt > sentAt;
  const leave = (
    userId: string,
    sentAt: number,
    reason: string | undefined,
    waitsForJob = false,
  ): boolean => {
    if (!((isIdle && !waitsForJob) || (reason !== undefined && others(sentAt)))) return false;
    run.left.total++;
    if (run.left.users.length < NAMED)
      run.left.users.push({
        userId,
        reason: reason ?? `Not done within ${BACKFILL_WAIT.idleMs / MINUTE_MS} minutes`,
      });
    return true;
  };
  const left = new Set(
    slow
      .filter(({ userId, sentAt }) => leave(userId, sentAt, reasonOf(messageGroupOf(userId)), !!run.tagJob))
      .map(({ userId }) => userId),
  );
  run.sent = run.sent.filter(({ userId }) => !left.has(userId));
  if (job) leaveJob(run, job, now, reasonOf, leave);
  if (isIdle) run.progressAt = now;
}

function leaveJob(
  run: Run,
  job: TagJob,
  now: number,
  reasonOf: (group: string) => string | undefined,
  leave: (userId: string, sentAt: number, reason: string | undefined) => boolean,
): void {
  const ofAll = now - job.progressAt > BACKFILL_WAIT.tagJobMs ? reasonOf(job.group) : undefined;
  job.userIds = job.userIds.filter(
    (userId) => !leave(userId, job.sentAt, reasonOf(messageGroupOf(userId)) ?? ofAll),
  );
  if (job.userIds.length === 0) run.tagJob = null;
}
