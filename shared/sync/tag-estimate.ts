import { bulkRequests, countTagChange, singleRequests, type TagChange, type TagCounts } from './tag-cost.ts';

/** The tag changes of the users of one tag job, from which its requests are estimated. */
export interface TagEstimate {
  users: number;
  /** Bytes of all user ids. */
  bytes: number;
  /** What changes, by tag. */
  counts: TagCounts;
  /** Requests if the tags of each user were changed alone. */
  alone: number;
}

export const emptyEstimate = (): TagEstimate => ({ users: 0, bytes: 0, counts: {}, alone: 0 });

/**
 * Most users of a tag job. A job costs about half a request for each tag beyond its full requests, so more users need fewer requests each
 * (`npm run bench -- --only growth`). But a larger job also takes longer, and a live change of one of its users waits for its end.
 */
const MAX_USERS = 2000;
/** Most bytes of their ids. The state of an execution can have 256 KiB (AWS quota) and includes two jobs, a sent and a pending one. */
const MAX_BYTES = 75_000;

/** Adds a user. */
export function addUser(estimate: TagEstimate, userId: string, change: TagChange<number | string>): void {
  estimate.users++;
  estimate.bytes += Buffer.byteLength(userId);
  estimate.alone += singleRequests(change);
  countTagChange(estimate.counts, change);
}

/** Whether there are enough users for a job. */
export const isFull = ({ users, bytes }: Pick<TagEstimate, 'users' | 'bytes'>): boolean =>
  users >= MAX_USERS || bytes >= MAX_BYTES;

/**
 * Requests of the job: the consumer tags together or one by one, whichever is cheaper.
 *
 * @param batch most contacts that one request can name.
 */
export const requestsFor = ({ counts, alone }: TagEstimate, batch: number): number =>
  Math.min(alone, bulkRequests(counts, batch));
