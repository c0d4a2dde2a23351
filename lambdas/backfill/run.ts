import type { BackfillInput } from './input.ts';
import type { ToTag } from './to-tag.ts';

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

/**
 * Where a run stands. It is the output of every state of the execution, so it reads as progress in the console.
 * `next` is what the state machine does: feed another page, wait first, go on as a new execution, or report.
 */
export interface Run {
  runId: string;
  input: BackfillInput & { maxBacklog: number };
  next: 'feed' | 'drain' | 'quota' | 'continue' | 'report';
  waitSeconds: number;
  /** User after whom the scan goes on; null before the first. */
  cursor: string | null;
  scanFinished: boolean;
  scanned: number;
  /** Users sent so far, in so many messages: one about the contact of each, and one about the tags of many. */
  enqueued: number;
  messages: number;
  skipped: number;
  failed: number;
  /** Messages in the queue, of live changes too. */
  backlog: number;
  /** Requests that the users sent so far cost, as planned, and if the tags of each had to be changed alone. */
  plannedRequests: number;
  mostRequests: number;
  /** Requests of the day so far, by all who use the quota. */
  requestsToday: number;
  users: number;
  shareDone: number;
  /** Times in ISO 8601. */
  startedAt: string;
  estimatedEnd: string;
  /** Pages fed in this execution: its history has an end. */
  pages: number;
  executions: number;
  findings: Findings;
  /** Users whose tags are still to be sent. */
  toTag: ToTag;
}

/** What a run came to: the output of the execution. */
export interface Report {
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
