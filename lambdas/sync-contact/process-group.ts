import type { Logger } from '@aws-lambda-powertools/logger';
import type { PendingTags } from '../../shared/contacts/pending-tags.ts';
import type { RequestJournal } from '../../shared/infusionsoft/http/request-journal.ts';
import { BACKFILL_WAIT, POSTPONED_AFTER } from '../../shared/quota/retry-policy.ts';
import type { ErasureRecord } from '../../shared/store/erasure-records.ts';
import { RejectedError } from '../../shared/sync/errors.ts';
import type {
  ForgetMessage,
  InspectAccountMessage,
  TagUsersMessage,
  UserMessage,
} from '../../shared/sync/message.ts';
import type { FailureQueue } from './failure-queue.ts';
import { correlationIdsOf, type MessageGroup, receiveCountOf } from './message-groups.ts';
import type { SyncMetrics } from './metrics.ts';
import type { UserOutcome } from './process-user.ts';

export interface ProcessGroupDependencies {
  processUser: (messages: readonly [UserMessage, ...UserMessage[]]) => Promise<UserOutcome>;
  runTagJob: (message: TagUsersMessage, onTagged: (tagged: PendingTags) => void) => Promise<void>;
  eraseContact: (message: ForgetMessage) => Promise<ErasureRecord['done']>;
  /** @returns the number of problems. */
  inspectAccount: (message: InspectAccountMessage) => Promise<number>;
  reject: FailureQueue['reject'];
  journal: Pick<RequestJournal, 'lines'>;
  metrics: Pick<SyncMetrics, 'countOutcome' | 'countChange' | 'recordLag'>;
  logger: Pick<Logger, 'info' | 'error'>;
  /** Epoch milliseconds. */
  now: () => number;
}

const LOG_LINES = { synced: 'Synced', unchanged: 'Unchanged', retired: 'Retired' } as const;

/**
 * Handles the messages of one FIFO group, which are about one user, a tag job, the account, or unreadable. Writes a log line for each outcome.
 *
 * @returns whether a request was made to the CRM.
 * @throws RejectedError or RetryableError; an error of another kind is a bug.
 */
export async function processGroup(
  group: MessageGroup,
  dependencies: ProcessGroupDependencies,
): Promise<boolean> {
  const { processUser, eraseContact, inspectAccount, reject, journal, metrics, logger, now } = dependencies;
  const trace = () => ({
    correlationIds: correlationIdsOf(group),
    deliveries: receiveCountOf(group),
    requests: journal.lines(),
  });
  const aboutUser: UserMessage[] = [];
  let tagged = false;
  for (const { record, message } of group.deliveries) {
    if (message instanceof RejectedError) {
      await reject(record, message);
      const { reason, errorId } = message;
      logger.error('Rejected', { reason, errorId, messageId: record.messageId });
      metrics.countOutcome('rejected');
    } else if (message.kind === 'inspect-account') {
      const { inspectionId } = message;
      logger.info('Account inspected', { inspectionId, problems: await inspectAccount(message) });
    } else if (message.kind === 'tag-users') {
      tagged = await processTags(message, group, dependencies);
    } else if (message.kind === 'forget') {
      const { userId, requestId } = message;
      const done = await eraseContact(message);
      logger.info('Erasure request handled', { userId, requestId, done, ...trace() });
      metrics.countOutcome('retired');
    } else {
      aboutUser.push(isTooLateForTags(message, group, now()) ? { ...message, tagsLater: false } : message);
    }
  }
  const [first, ...rest] = aboutUser;
  if (!first) return tagged || journal.lines().length > 0;
  const startedAt = now();
  const { outcome, contactId, warnings } = await processUser([first, ...rest]);
  const lagMs = now() - Date.parse(first.changedAt);
  logger.info(LOG_LINES[outcome], {
    userId: first.userId,
    contactId,
    causes: aboutUser.map(({ cause }) => cause),
    ...trace(),
    lagMs,
    durationMs: now() - startedAt,
    ...(warnings.length > 0 && { warnings }),
  });
  metrics.countOutcome(outcome);
  metrics.recordLag(lagMs);
  if (warnings.some(({ reason }) => reason === 'unknown-staff')) metrics.countOutcome('withoutOwner');
  return journal.lines().length > 0;
}

/** Whether the backfill may have stopped waiting for the user, so that its tag job leaves the user out. */
const isTooLateForTags = ({ changedAt }: UserMessage, group: MessageGroup, now: number): boolean =>
  receiveCountOf(group) >= POSTPONED_AFTER || now - Date.parse(changedAt) > BACKFILL_WAIT.tagsMs;

/** Runs a tag job and writes a log line for each of its users. @returns whether a request was made to the CRM. */
async function processTags(
  message: TagUsersMessage,
  group: MessageGroup,
  { runTagJob, metrics, logger, now }: ProcessGroupDependencies,
): Promise<boolean> {
  let requested = false;
  await runTagJob(message, ({ userId, contactId, plan, requests }) => {
    const lagMs = now() - Date.parse(message.changedAt);
    logger.info(LOG_LINES.synced, {
      userId,
      contactId,
      causes: ['backfill'],
      correlationIds: correlationIdsOf(group),
      deliveries: receiveCountOf(group),
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
