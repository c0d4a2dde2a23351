import type { TagEstimate } from '../../shared/sync/tag-estimate.ts';
import type { BackfillInput } from './input.ts';

/** What was planned for the scanned users. A dry run ends with it. */
interface Findings {
  /** Users whose contact is created, or found by its email. */
  created: number;
  /** Users whose contact's fields change. */
  updated: number;
  /** Users whose tags change. */
  tagged: number;
  /** Users who cannot be in the CRM, by reason. No message about them is sent. */
  invalid: Record<string, number>;
}

/** Results of the users that were sent to the queue. */
interface Outcomes {
  /** Users who are up to date now, or were deleted in the meantime. */
  done: number;
  /** Users that the CRM rejected, by reason. */
  rejected: Record<string, number>;
  /** Users that the run no longer waits for. Their messages stay in the queue. Only the first are named. */
  unfinished: { total: number; users: { userId: string; reason: string }[] };
}

/** A user that was sent to the queue. Times in epoch milliseconds. */
export interface SentUser {
  userId: string;
  sentAt: number;
  /** Whether the user was sent before. */
  again?: true;
}

/** Users whose tags are changed together. Times in epoch milliseconds. */
export interface TagJob {
  userIds: string[];
  sentAt: number;
  /** When one of its users was last found done. */
  lastProgressAt: number;
  /** The FIFO group of its message. */
  group: string;
}

/**
 * The state of a run. It is the output of every state of the execution, so the console shows it as the run's progress.
 *
 * A user is counted when it is scanned. A message about it is sent only after the execution has stored that state: a call that is repeated
 * sends the same messages again and changes no total.
 *
 * `next` is what the state machine does: enqueue more users, wait first, continue in a new execution, or report.
 */
export interface Run extends Outcomes {
  runId: string;
  input: BackfillInput & { maxInFlight: number };
  next: 'enqueue' | 'waitForUsers' | 'waitForQuota' | 'continue' | 'report';
  waitSeconds: number;
  /** The scan continues after this user; null before the first. */
  cursor: string | null;
  scanFinished: boolean;
  /** `enqueued`, `skipped` and `invalid` together. */
  scanned: number;
  /** Users who need a sync: messages about them are sent, or will be. */
  enqueued: number;
  /** Users that are up to date, or that the mode does not select. */
  skipped: number;
  /** Users who cannot be in the CRM. */
  invalid: number;
  /** Planned requests for the enqueued users. */
  plannedRequests: number;
  /** Their requests if the tags of each user had to be changed alone. */
  maxRequests: number;
  /** Requests of the day so far, by everyone who uses the quota. */
  requestsToday: number;
  /** The approximate number of users in the table. */
  users: number;
  /** Scanned users who need nothing more, as a part of all users. */
  shareDone: number;
  /** Times in ISO 8601. */
  startedAt: string;
  estimatedEnd: string;
  /** Calls in this execution, whose history is limited. */
  calls: number;
  executions: number;
  findings: Findings;
  /** Tag changes of enqueued users that `plannedRequests` does not include yet. */
  tagEstimate: TagEstimate;
  /** Users to be sent, each in a separate message. */
  ready: string[];
  /** Users to be sent of whom only the tags change: in one message for many. */
  readyForTags: string[];
  /** Users in flight, oldest first. */
  sent: SentUser[];
  /** Users whose contact is up to date and whose tags wait for a tag job. `since`: when the first was added, in epoch milliseconds. */
  pendingTags: { userIds: string[]; bytes: number; since: number };
  tagJob: TagJob | null;
  /** When a user was last done, in epoch milliseconds. */
  lastDoneAt: number;
  /** When a user was last done or a message last sent, in epoch milliseconds. */
  lastProgressAt: number;
}

/** The output of an execution that did nothing, since another run of the same mode is running. */
export interface SkippedRun {
  runId: string;
  mode: BackfillInput['mode'];
  next: 'skip';
  /** ARN of the running execution, or a description of it if its lock cannot be read any more. */
  running: string;
}

/** The totals of a run: the output of its last execution. */
export interface Report extends Outcomes {
  runId: string;
  mode: BackfillInput['mode'];
  dryRun: boolean;
  scanned: number;
  enqueued: number;
  skipped: number;
  invalid: number;
  findings: Findings;
  /** Planned requests. */
  requests: number;
  /** Requests if each contact is tagged alone, which costs one request for old tags and one for new tags. */
  requestsAtMost: number;
  /** Shortest time for those requests at the pace, in seconds. */
  secondsAtPace: number;
  /** Those requests as a part of the day's limit. */
  shareOfDay: number;
  startedAt: string;
  endedAt: string;
  executions: number;
}
