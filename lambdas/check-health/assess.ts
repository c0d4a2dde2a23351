import type { MessageCounts } from '../../shared/queue/count-messages.ts';
import { NO_PROGRESS, type Progress } from '../../shared/queue/progress.ts';

export interface Situation {
  queue: MessageCounts;
  /** Undefined before the first message. */
  progress: Progress | undefined;
  /** Whether a day's or month's quota is spent, or a person has paused all requests. */
  paused: boolean;
  /** Epoch milliseconds. */
  now: number;
}

export interface Health {
  /** When the CRM last accepted something, in epoch milliseconds. */
  syncedAt: number | undefined;
  /** There is something to do, and nothing has succeeded since the last check. */
  nothingSucceeds: boolean;
  /** Age of the oldest change that was tried and is not in sync, in milliseconds; without users that are set aside. */
  oldestChangeMs: number;
  /** Message groups (users) that have been failing for an hour, by name. */
  stuck: string[];
}

/** How often health is checked, in milliseconds: the schedule in `infra/constructs/health-check.ts`. */
export const CHECK_EVERY_MS = 5 * 60_000;
/** A user that fails for so long is stuck: most failures end within minutes. */
const STUCK_AFTER_MS = 3_600_000;
/** When others succeed so long after a user began to fail, the user is the problem and not the CRM. */
const REFUTED_AFTER_MS = 30 * 60_000;

/**
 * Judges the sync by its results. An outage differs from a stuck user by the others: in an outage several users fail and none succeeds; a
 * stuck user fails alone, or while others succeed. Whoever is set aside as stuck neither proves an outage nor ages the oldest change.
 */
export function assess({ queue, progress, paused, now }: Situation): Health {
  const isEmpty = queue.visible + queue.hidden + queue.delayed === 0;
  const { syncedAt, activeAt, hiddenUntil, waiting } = progress ?? NO_PROGRESS;
  const lastSuccess = { syncedAt: syncedAt || undefined };
  if (isEmpty) return { ...lastSuccess, nothingSucceeds: false, oldestChangeMs: 0, stuck: [] };
  const failing = waiting.flatMap(({ failingSince, ...each }) =>
    failingSince === null ? [] : [{ ...each, failingSince }],
  );
  const isRefuted = (failingSince: number) => syncedAt - failingSince >= REFUTED_AFTER_MS;
  const stuck = failing.filter(({ failingSince }) => now - failingSince >= STUCK_AFTER_MS);
  const setAside = new Set(
    stuck
      .filter(({ failingSince }) => failing.length === 1 || isRefuted(failingSince))
      .map(({ group }) => group),
  );
  const ages = waiting.filter(({ group }) => !setAside.has(group)).map(({ changedAt }) => now - changedAt);

  const everybodyFails = failing.length > 1 && failing.some(({ failingSince }) => !isRefuted(failingSince));
  // While a message is hidden, those behind it in its group count as visible, and nobody can receive them: so none has to be due.
  const isDue = now > hiddenUntil + CHECK_EVERY_MS;
  const nobodyReceives = isDue && now - activeAt > CHECK_EVERY_MS;
  return {
    ...lastSuccess,
    nothingSucceeds: !paused && now - syncedAt > CHECK_EVERY_MS && (everybodyFails || nobodyReceives),
    oldestChangeMs: Math.max(0, ...ages),
    stuck: stuck.map(({ group }) => group),
  };
}
