import type { BackfillInput } from './input.ts';
import type { TagEstimate } from './tag-estimate.ts';

/** What a dry run found, or what a run has sent: users by what happens to them. */
interface Findings {
  /** Created, or found by their email. */
  created: number;
  /** Whose contact's fields change. */
  updated: number;
  /** Whose tags change. */
  tagged: number;
  /** Who cannot be in the CRM, by reason. They are not sent. */
  rejected: Record<string, number>;
}

/** What came of the users that a run has sent. */
interface Outcomes {
  /** Users who are right now, or were deleted meanwhile. */
  done: number;
  /** Users whom the CRM refused for good, by reason. */
  rejected: Record<string, number>;
  /** Users whom the run does not wait for: their messages stay in the queue. The first of them by name. */
  left: { total: number; users: { userId: string; reason: string }[] };
}

/** A user about whom a message was sent. Times in epoch milliseconds. */
export interface SentUser {
  userId: string;
  sentAt: number;
}

/** Users whose tags are changed together. Times in epoch milliseconds. */
export interface TagJob {
  userIds: string[];
  sentAt: number;
  /** When one of its users was last found right. */
  progressAt: number;
  /** The FIFO group of its message. */
  group: string;
}

/**
 * Where a run stands. It is the output of every state of the execution, so it reads as progress in the console.
 *
 * Each user is counted when it is scanned, and a message about it is sent only from a state that the execution has stored: so a call
 * that is repeated sends the same messages again, and no total changes.
 *
 * `next` is what the state machine does: feed on, wait first, go on as a new execution, report, or nothing at all.
 */
export interface Run extends Outcomes {
  runId: string;
  input: BackfillInput & { maxInFlight: number };
  next: 'feed' | 'drain' | 'quota' | 'continue' | 'report';
  waitSeconds: number;
  /** User after whom the scan goes on; null before the first. */
  cursor: string | null;
  scanFinished: boolean;
  scanned: number;
  /** Users who need something: they are sent, or about to be. */
  enqueued: number;
  skipped: number;
  failed: number;
  /** Requests that the users so far cost, as planned, and if the tags of each had to be changed alone. */
  plannedRequests: number;
  mostRequests: number;
  /** Requests of the day so far, by all who use the quota. */
  requestsToday: number;
  users: number;
  shareDone: number;
  /** Times in ISO 8601. */
  startedAt: string;
  estimatedEnd: string;
  /** Calls of the feeder in this execution: its history has an end. */
  calls: number;
  executions: number;
  findings: Findings;
  /** Tags of users that are in `enqueued` and not in `plannedRequests` yet. */
  tagEstimate: TagEstimate;
  /** Users to be sent, each by a message of its own. */
  ready: string[];
  /** Users to be sent of whom only the tags change. */
  readyForTags: string[];
  /** Users in flight, oldest first. */
  sent: SentUser[];
  /** Users whose contact is right, and whose tags wait for a tag job. `since`: when the first came, in epoch milliseconds. */
  pendingTags: { userIds: string[]; bytes: number; since: number };
  tagJob: TagJob | null;
  /** When the last user was done, and when anything last went on, in epoch milliseconds. */
  completedAt: number;
  progressAt: number;
}

/** Another run of the same mode is at work, so this one has nothing to do: the output of the execution. */
export interface SkippedRun {
  runId: string;
  mode: BackfillInput['mode'];
  next: 'skip';
  /** ARN of the execution that runs. */
  running: string;
}

/** What a run came to: the output of the execution. */
export interface Report extends Outcomes {
  runId: string;
  mode: BackfillInput['mode'];
  dryRun: boolean;
  scanned: number;
  enqueued: number;
  skipped: number;
  failed: number;
  findings: Findings;
  /** As planned, and at most: a contact that has to be looked at alone costs one for old tags and one for new ones. */
  requests: number;
  requestsAtMost: number;
  /** Shortest time for those requests at the pace, in seconds. */
  secondsAtPace: number;
  /** Part of the day's limit that they are. */
  shareOfDay: number;
  startedAt: string;
  endedAt: string;
  executions: number;
}
