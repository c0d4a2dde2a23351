import type { MessageCounts } from '../../shared/queue/count-messages.ts';
import { NO_PROGRESS, type Progress } from '../../shared/queue/progress.ts';

export interface Situation {
  queue: MessageCounts;
  /** Undefined before the first message. */
  progress: Progress | undefined;
  /** Whether the quota of the day or month is spent, or an operator has paused all requests. */
  paused: boolean;
  /** Epoch milliseconds. */
  now: number;
}

export interface Health {
  /** When the CRM last accepted something, in epoch milliseconds. */
  syncedAt: number | undefined;
  /** Messages wait, and nothing has succeeded since the last check. */
  nothingSucceeds: boolean;
  /** Age of the oldest change that was tried and has not succeeded, in milliseconds. Excludes users who are stuck alone. */
  oldestChangeMs: number;
  /** Message groups (users) that have been failing for an hour, by name. */
  stuck: string[];
}

/** How often health is checked, in milliseconds: the schedule in `infra/constructs/health-check.ts`. */
export const CHECK_EVERY_MS = 5 * 60_000;
/** A user who has failed for this long is stuck: most failures end within minutes. */
const STUCK_AFTER_MS = 3_600_000;
/** If others still succeed this long after a user began to fail, the user is the problem and not the CRM. */
const OUTAGE_REFUTED_AFTER_MS = 30 * 60_000;

/**
 * Assesses the sync by its results. In an outage, several users fail and none succeeds. A stuck user fails alone, or while others succeed;
 * such a user counts neither as a sign of an outage nor for the age of the oldest change.
 */
export function assess({ queue, progress, paused, now }: Situation): Health {
  const isEmpty = queue.visible + queue.hidden + queue.delayed === 0;
  const { syncedAt, activeAt, hiddenUntil, waiting } = progress ?? NO_PROGRESS;
  const lastSuccess = { syncedAt: syncedAt || undefined };
  if (isEmpty) return { ...lastSuccess, nothingSucceeds: false, oldestChangeMs: 0, stuck: [] };
  const failing = waiting.flatMap(({ failingSince, ...each }) =>
    failingSince === null ? [] : [{ ...each, failingSince }],
  );
  const othersSucceed = (failingSince: number) => syncedAt - failingSince >= OUTAGE_REFUTED_AFTER_MS;
  const stuck = failing.filter(({ failingSince }) => now - failingSince >= STUCK_AFTER_MS);
  const stuckAlone = new Set(
    stuck
      .filter(({ failingSince }) => failing.length === 1 || othersSucceed(failingSince))
      .map(({ group }) => group),
  );
  const ages = waiting.filter(({ group }) => !stuckAlone.has(group)).map(({ changedAt }) => now - changedAt);

  const isOutage = failing.length > 1 && failing.some(({ failingSince }) => !othersSucceed(failingSince));
  // SQS counts messages behind a hidden one of their group as visible, although nobody can receive them. So the hidden ones must be due.
  const isDue = now > hiddenUntil + CHECK_EVERY_MS;
  const noneReceived = isDue && now - activeAt > CHECK_EVERY_MS;
  return {
    ...lastSuccess,
    nothingSucceeds: !paused && now - syncedAt > CHECK_EVERY_MS && (isOutage || noneReceived),
    oldestChangeMs: Math.max(0, ...ages),
    stuck: stuck.map(({ group }) => group),
  };
}
