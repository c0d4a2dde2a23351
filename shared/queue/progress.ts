import * as z from 'zod/mini';
import { LEFT_QUEUE_MS } from '../quota/retry-policy.ts';

const epochMs = z.number();

/** A message group (mostly one user) whose messages were returned to the queue. */
const waitingSchema = z.object({
  group: z.string(),
  /** When its oldest change was made. */
  changedAt: epochMs,
  /** Since when every attempt has failed. Null if nothing was tried, because the quota is spent. */
  failingSince: z.nullable(epochMs),
  /** When it was last received. */
  triedAt: epochMs,
});
type Waiting = z.infer<typeof waitingSchema>;

/** Recent results of the consumer, and the groups that still wait. All times are epoch milliseconds. */
export const progressSchema = z.object({
  /** When the CRM last accepted a request. */
  syncedAt: epochMs,
  /** When the sync of a user last ended with a change of a contact that the CRM accepted. */
  writtenAt: epochMs,
  /** When messages were last received. */
  activeAt: epochMs,
  /** When the last postponed message becomes visible again, at the latest. */
  hiddenUntil: epochMs,
  /** Groups with the oldest changes and some with the newest, at most {@link MAX_WAITING}. */
  waiting: z.array(waitingSchema),
});
export type Progress = z.infer<typeof progressSchema>;

/** The result of one group of a batch. */
export interface GroupResult {
  group: string;
  at: number;
  /**
   * `synced`: the CRM accepted it. `settled`: nothing is left to do, but no request proved that the CRM works. `held`: not tried, because
   * the quota is spent.
   */
  result: 'synced' | 'settled' | 'failed' | 'held';
  /** `synced` with a change of a contact. */
  hasWritten?: boolean;
  /** When the change of its oldest message was made. */
  changedAt: number;
  /** When a postponed group is retried at the latest. */
  retryAt?: number;
  /** Whether it waits for the backfill's part of the quota: such work is not late. */
  isBackfill?: boolean;
}

/** Enough to distinguish one failing user from many. The item stays under 3 KB. */
export const MAX_WAITING = 25;
/** Of them, groups with the newest changes: an outage shows although many users are stuck already. */
const NEWEST = 5;

/** The progress before the first message. */
export const NO_PROGRESS: Progress = { syncedAt: 0, writtenAt: 0, activeAt: 0, hiddenUntil: 0, waiting: [] };

/** Adds the results of a batch. Results of different environments are about different groups, so their order hardly matters. */
export function addResults(before: Progress | undefined, results: readonly GroupResult[]): Progress {
  const { waiting, ...progress } = { ...NO_PROGRESS, ...before };
  const groups = new Map(waiting.map((each) => [each.group, each]));
  for (const each of results) {
    const { group, at, result, retryAt = at } = each;
    progress.activeAt = Math.max(progress.activeAt, at);
    if (result === 'synced') progress.syncedAt = Math.max(progress.syncedAt, at);
    if (each.hasWritten) progress.writtenAt = Math.max(progress.writtenAt, at);
    const isOver = result === 'synced' || result === 'settled';
    if (!isOver) progress.hiddenUntil = Math.max(progress.hiddenUntil, retryAt);
    if (isOver || (result === 'held' && each.isBackfill)) groups.delete(group);
    else groups.set(group, waitingAfter(groups.get(group), each));
  }
  const oldestFirst = [...groups.values()]
    .filter(({ triedAt }) => triedAt > progress.activeAt - LEFT_QUEUE_MS)
    .sort((a, b) => a.changedAt - b.changedAt);
  const tooMany = oldestFirst.length > MAX_WAITING;
  return {
    ...progress,
    waiting: tooMany
      ? [...oldestFirst.slice(0, MAX_WAITING - NEWEST), ...oldestFirst.slice(-NEWEST)]
      : oldestFirst,
  };
}

function waitingAfter(before: Waiting | undefined, { group, at, result, changedAt }: GroupResult): Waiting {
  return {
    group,
    changedAt: Math.min(changedAt, before?.changedAt ?? changedAt),
    failingSince: result === 'failed' ? (before?.failingSince ?? at) : null,
    triedAt: at,
  };
}
