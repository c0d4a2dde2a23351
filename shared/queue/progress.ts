import * as z from 'zod/mini';
import { LEFT_QUEUE_MS } from '../quota/retry-policy.ts';

const epochMs = z.number();

/** A message group (mostly one user) whose messages went back to the queue. */
const waitingSchema = z.object({
  group: z.string(),
  /** When its oldest change was made. */
  changedAt: epochMs,
  /** Since when every attempt has failed. Null while only the quota holds it back: then nothing was tried. */
  failingSince: z.nullable(epochMs),
  /** When it was last received. */
  triedAt: epochMs,
});
type Waiting = z.infer<typeof waitingSchema>;

/** What the consumer has achieved lately, and who still waits. All times are epoch milliseconds. */
export const progressSchema = z.object({
  /** When the CRM last accepted something. */
  syncedAt: epochMs,
  /** When messages were last received. */
  activeAt: epochMs,
  /** Until when postponed messages may be hidden: nobody can receive them before. */
  hiddenUntil: epochMs,
  /** Those with the oldest changes and some with the newest, at most {@link MAX_WAITING}. */
  waiting: z.array(waitingSchema),
});
export type Progress = z.infer<typeof progressSchema>;

/** What became of one group of a batch. */
export interface GroupResult {
  group: string;
  at: number;
  /** `synced`: the CRM accepted it. `settled`: nothing is left to do, but the CRM proved nothing. `held`: the quota allows no attempt. */
  result: 'synced' | 'settled' | 'failed' | 'held';
  /** Of its oldest message. */
  changedAt: number;
  /** When a postponed group comes back at the latest. */
  retryAt?: number;
  /** A group held from a backfill's share is work that can wait, not a change that is late. */
  isBackfill?: boolean;
}

/** Enough to tell one user from many; the item stays under 3 KB. */
export const MAX_WAITING = 25;
/** Of them those with the newest changes: however many users are stuck, an outage that begins shows. */
const NEWEST = 5;

/** Before the first message. */
export const NO_PROGRESS: Progress = { syncedAt: 0, activeAt: 0, hiddenUntil: 0, waiting: [] };

/** Adds the results of a batch. The order of results of different environments does not matter much: each is about other groups. */
export function addResults(before: Progress | undefined, results: readonly GroupResult[]): Progress {
  const { waiting, ...progress } = { ...NO_PROGRESS, ...before };
  const groups = new Map(waiting.map((each) => [each.group, each]));
  for (const each of results) {
    const { group, at, result, retryAt = at } = each;
    progress.activeAt = Math.max(progress.activeAt, at);
    if (result === 'synced') progress.syncedAt = Math.max(progress.syncedAt, at);
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
