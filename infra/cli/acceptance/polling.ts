import { setTimeout as sleep } from 'node:timers/promises';
import { isLeased } from '../../../shared/contacts/lease.ts';
import { newEnvironment } from '../../../shared/invocation.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import type { User } from '../../../shared/user/user.ts';
import { type PreviewContext, previewUser, storedContact } from '../preview/preview-user.ts';

/** Interval of the polls of the user table, and so the resolution of all latencies. */
const POLL_MS = 200;
const RETRY_MS = 2000;
const LONGEST_RETRY_MS = 5000;

/** The progress of the sync for a user, by the user's attribute `crm`. */
export type SyncState = 'pending' | 'done' | { rejected: string };

/** Determines the state with a preview from the sync's own records: the sync is done when no request is left. */
export async function syncStateOf(user: User, context: PreviewContext): Promise<SyncState> {
  const crm = user.crm ?? {};
  if (isLeased(crm, newEnvironment(), context.now)) return 'pending';
  if (crm.rejection) return { rejected: crm.rejection.reason };
  if (!crm.contactId) return 'pending';
  const { requests, rejected } = await previewUser(user, storedContact(user), context);
  if (rejected) return { rejected };
  return requests.length === 0 ? 'done' : 'pending';
}

/** How long to wait, and what aborts it. */
export interface WaitOptions {
  /** Milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * Polls until there is an answer.
 *
 * @param ask returns undefined while there is no answer.
 * @returns undefined after the timeout.
 * @throws AbortError when the signal aborts it.
 */
export async function poll<Answer>(
  ask: () => Promise<Answer | undefined>,
  { timeoutMs, signal }: WaitOptions,
): Promise<Answer | undefined> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined || Date.now() > until) return answer;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/**
 * Runs work on the CRM, and retries it after a pause, an outage or a rate limit error.
 *
 * @throws RetryableError after the timeout, RejectedError at once, AbortError when the signal aborts it.
 */
export async function withRetries<Result>(
  work: () => Promise<Result>,
  { timeoutMs, signal }: WaitOptions,
): Promise<Result> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetryableError) || Date.now() > until) throw error;
      // A pause can be lifted early.
      await sleep(Math.min(error.afterMs ?? RETRY_MS, LONGEST_RETRY_MS), undefined, { signal });
    }
  }
}
