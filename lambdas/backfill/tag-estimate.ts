import {
  bulkRequests,
  countTagChange,
  singleRequests,
  type TagChange,
  type TagCounts,
} from '../../shared/sync/tag-cost.ts';

/** What the tags of the users of one tag job cost, tag by tag or user by user. */
export interface TagEstimate {
  users: number;
  /** Bytes of all user ids. */
  bytes: number;
  /** What changes, by tag. */
  counts: TagCounts;
  /** Requests that it would take to change the tags of each user alone. */
  alone: number;
}

export const noTags = (): TagEstimate => ({ users: 0, bytes: 0, counts: {}, alone: 0 });

/**
 * Users of one tag job. Beyond its full requests a job costs about half a request for each tag, so the more users, the fewer requests
 * each (`npm run bench -- --only growth`). But the more, the longer until the last of them has been tagged, for which a live change of
 * one of them waits.
 */
const USERS = 2000;
/** Bytes of their ids: the state of an execution holds 256 KiB (AWS quota), in it two jobs, one sent and one that is collected. */
const BYTES = 75_000;

/** Adds a user. */
export function addUser(estimate: TagEstimate, userId: string, change: TagChange<number | string>): void {
  estimate.users++;
  estimate.bytes += Buffer.byteLength(userId);
  estimate.alone += singleRequests(change);
  countTagChange(estimate.counts, change);
}

/** Whether there are enough users for a job. */
export const isFull = ({ users, bytes }: Pick<TagEstimate, 'users' | 'bytes'>): boolean =>
  users >= USERS || bytes >= BYTES;

/** Requests that they will cost: the consumer chooses what is cheaper. @param batch contacts that a request can name at most. */
export const requestsFor = ({ counts, alone }: TagEstimate, batch: number): number =>
  Math.min(alone, bulkRequests(counts, batch));
