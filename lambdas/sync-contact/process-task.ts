import type { Logger } from '@aws-lambda-powertools/logger';
import type { PendingTags } from '../../shared/contacts/pending-tags.ts';
import { deletionPolicySchema } from '../../shared/contacts/retire-contact.ts';
import type { RequestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { BACKFILL_WAIT, INSPECTION_ANSWER_MS, POSTPONED_AFTER } from '../../shared/quota/retry-policy.ts';
import type { ErasureRecord } from '../../shared/store/erasure-records.ts';
import { RejectedError } from '../../shared/sync/errors.ts';
import type {
  ForgetMessage,
  InspectAccountMessage,
  PollMessage,
  TagUsersMessage,
  UserMessage,
} from '../../shared/sync/message.ts';
import { correlationIdsOf, receiveCountOf, type Task } from './message-groups.ts';
import type { SyncMetrics } from './metrics.ts';
import type { UserOutcome } from './process-user.ts';

export interface ProcessTaskDependencies {
  processUser: (messages: readonly [UserMessage, ...UserMessage[]]) => Promise<UserOutcome>;
  runTagJob: (message: TagUsersMessage, onTagged: (tagged: PendingTags) => void) => Promise<void>;
  eraseContact: (message: ForgetMessage, requestedAt: number) => Promise<ErasureRecord['done']>;
  /** @returns the number of problems. */
  inspectAccount: (message: InspectAccountMessage) => Promise<number>;
  /** Undefined if events are off. */
  polls:
    | {
        /** @returns whether the poll is complete. */
        run: (message: PollMessage) => Promise<boolean>;
        /** Sends the message that continues a poll. */
        continuePoll: (message: PollMessage) => Promise<void>;
      }
    | undefined;
  journal: Pick<RequestJournal, 'lines'>;
  metrics: Pick<SyncMetrics, 'countOutcome' | 'countChange' | 'recordLag'>;
  logger: Pick<Logger, 'info'>;
  /** Epoch milliseconds. */
  now: () => number;
}

const LOG_LINES = {
  synced: 'Synced',
  unchanged: 'Unchanged',
  retired: 'Retired',
  stillRejected: 'Still rejected',
} as const;

/**
 * Handles one task. Writes a log line for each outcome.
 *
 * @returns whether a request shows that the CRM works.
 * @throws RejectedError or RetryableError; an error of another kind is a bug.
 */
export async function processTask(task: Task, dependencies: ProcessTaskDependencies): Promise<boolean> {
  const { eraseContact, inspectAccount, journal, metrics, logger, now } = dependencies;
  const { message } = task.deliveries[0];
  if (message instanceof RejectedError) throw message;
  switch (message.kind) {
    case 'user':
      if ((await syncOneUser(task, dependencies)) === 'stillRejected') return false;
      break;
    case 'tag-users':
      return runOneTagJob(message, task, dependencies);
    case 'forget': {
      const { userId, requestId } = message;
      const done = await eraseContact(message, sentAt(task));
      logger.info('Erasure request handled', { userId, requestId, done, ...trace(task, journal) });
      if (deletionPolicySchema.safeParse(done).success) metrics.countOutcome('retired');
      break;
    }
    case 'inspect-account': {
      const { inspectionId } = message;
      if (now() - sentAt(task) > INSPECTION_ANSWER_MS) {
        logger.info('Inspection ignored: nobody waits for it any more', { inspectionId });
        return false;
      }
      logger.info('Account inspected', { inspectionId, problems: await inspectAccount(message) });
      break;
    }
    case 'poll-crm':
      await pollCrm(message, task, dependencies);
      break;
  }
  return journal.lines().length > 0;
}

/** When the first message of a task was sent, in epoch milliseconds. */
const sentAt = ({ deliveries }: Task): number => Number(deliveries[0].record.attributes.SentTimestamp);

const trace = (task: Task, journal: Pick<RequestJournal, 'lines'>) => ({
  correlationIds: correlationIdsOf(task),
  deliveries: receiveCountOf(task),
  requests: journal.lines(),
});

async function pollCrm(
  message: PollMessage,
  task: Task,
  { polls, journal, logger }: ProcessTaskDependencies,
): Promise<void> {
  const { poll, scheduledAt, part = 0 } = message;
  if (!polls) return void logger.info('Poll ignored: events are off', { poll, scheduledAt });
  const isComplete = await polls.run(message);
  if (!isComplete) await polls.continuePoll({ ...message, part: part + 1 });
  logger.info(isComplete ? 'Poll complete' : 'Poll continues', {
    poll,
    scheduledAt,
    part,
    deliveries: receiveCountOf(task),
    requests: journal.lines(),
  });
}

async function syncOneUser(
  task: Task,
  { processUser, journal, metrics, logger, now }: ProcessTaskDependencies,
): Promise<UserOutcome['outcome']> {
  const messages = task.deliveries.flatMap(({ message }) =>
    message instanceof RejectedError || message.kind !== 'user'
      ? []
      : [isTooLateForTags(message, task, now()) ? { ...message, tagsLater: false } : message],
  );
  const [first, ...rest] = messages;
  if (!first) return 'unchanged';
  const startedAt = now();
  const { outcome, contactId, warnings } = await processUser([first, ...rest]);
  const lagMs = now() - Date.parse(first.changedAt);
  logger.info(LOG_LINES[outcome], {
    userId: first.userId,
    contactId,
    causes: messages.map(({ cause }) => cause),
    ...trace(task, journal),
    lagMs,
    durationMs: now() - startedAt,
    ...(warnings.length > 0 && { warnings }),
  });
  metrics.countOutcome(outcome);
  if (outcome !== 'stillRejected') metrics.recordLag(lagMs);
  if (warnings.some(({ reason }) => reason === 'unknown-staff')) metrics.countOutcome('withoutOwner');
  if (warnings.some(({ reason }) => reason === 'refused-value')) metrics.countOutcome('withoutField');
  return outcome;
}

/** Whether the backfill may have stopped waiting for the user, so that its tag job leaves the user out. */
const isTooLateForTags = ({ changedAt }: UserMessage, task: Task, now: number): boolean =>
  receiveCountOf(task) >= POSTPONED_AFTER || now - Date.parse(changedAt) > BACKFILL_WAIT.tagsMs;

/** Runs a tag job and writes a log line for each of its users. @returns whether requests have completed the tags of a user. */
async function runOneTagJob(
  message: TagUsersMessage,
  task: Task,
  { runTagJob, metrics, logger, now }: ProcessTaskDependencies,
): Promise<boolean> {
  let requested = false;
  await runTagJob(message, ({ userId, contactId, plan, requests }) => {
    const lagMs = now() - Date.parse(message.changedAt);
    logger.info(LOG_LINES.synced, {
      userId,
      contactId,
      causes: ['backfill'],
      correlationIds: correlationIdsOf(task),
      deliveries: receiveCountOf(task),
      requests,
      lagMs,
    });
    metrics.countOutcome('synced');
    if (requests.length > 0) requested = true;
    if (plan.remove.length + plan.add.length > 0) metrics.countChange('tagged');
    metrics.recordLag(lagMs);
  });
  return requested;
}
