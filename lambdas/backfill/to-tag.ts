import {
  countTags,
  requestsAlone,
  requestsTogether,
  type TagChange,
  type TagCounts,
} from '../../shared/sync/tags-together.ts';

/** Users who were looked at, and whose tags are changed together as soon as there are enough of them. */
export interface ToTag {
  userIds: string[];
  /** Bytes of all ids. */
  bytes: number;
  /** What changes, by tag. */
  counts: TagCounts;
  /** Requests that it would take to change the tags of each user alone. */
  alone: number;
}

export const nobodyToTag = (): ToTag => ({ userIds: [], bytes: 0, counts: {}, alone: 0 });

/**
 * Users of one message. The more, the fewer requests: five tags out of some forty are 0.1 requests a user for 500, and 0.2 for 200. But
 * also the longer until the last of them has been tagged, for which a live change of one of them waits.
 */
const USERS = 500;
/** Bytes of their ids: a message and the state of an execution hold 256 KiB (AWS quotas). */
const BYTES = 100_000;

/** Adds a user. */
export function addUser(toTag: ToTag, userId: string, change: TagChange<number | string>): void {
  toTag.userIds.push(userId);
  toTag.bytes += Buffer.byteLength(userId);
  toTag.alone += requestsAlone(change);
  countTags(toTag.counts, change);
}

/** Whether there are enough for a message. */
export const isFull = ({ userIds, bytes }: ToTag): boolean => userIds.length >= USERS || bytes >= BYTES;

/** Requests that they will cost: the consumer chooses what is cheaper. @param batch contacts that a request can name at most. */
export const requestsFor = ({ counts, alone }: ToTag, batch: number): number =>
  Math.min(alone, requestsTogether(counts, batch));
