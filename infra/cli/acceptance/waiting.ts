import { setTimeout as sleep } from 'node:timers/promises';
import { isLeased } from '../../../shared/contacts/lease.ts';
import { newEnvironment } from '../../../shared/invocation.ts';
import { RetryableError } from '../../../shared/sync/errors.ts';
import type { User } from '../../../shared/user/user.ts';
import { type PreviewContext, previewUser, storedContact } from '../preview/preview-user.ts';

/** How often the user table is read while users are waited for, in milliseconds. It is the resolution of all latencies. */
const POLL_MS = 200;
const RETRY_MS = 2000;
const LONGEST_RETRY_MS = 5000;

/** How far the sync is with a user, by what it keeps on the user's item. */
export type SyncState = 'pending' | 'done' | { rejected: string };

/**
 * Tells it by running the sync's own code on what the sync remembers: it is done when nothing is left to request.
 */
export async function syncStateOf(user: User, context: PreviewContext): Promise<SyncState> {
  const crm = user.crm ?? {};
  if (isLeased(crm, newEnvironment(), context.now)) return 'pending';
  if (crm.rejection) return { rejected: crm.rejection.reason };
  if (!crm.contactId) return 'pending';
  const { requests, rejected } = await previewUser(user, storedContact(user), context);
  if (rejected) return { rejected };
  return requests.length === 0 ? 'done' : 'pending';
}

/** How long to wait, and what ends it early. */
export interface Patience {
  /** Milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * Asks again and again until an answer comes.
 *
 * @param ask returns undefined while there is no answer.
 * @returns undefined when the time is over.
 * @throws AbortError when the signal ends it.
 */
export async function poll<Answer>(
  ask: () => Promise<Answer | undefined>,
  { timeoutMs, signal }: Patience,
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
 * Does work on the CRM, and does it again as long as that can help: after a pause, an outage or a refusal for its limits.
 *
 * @throws RetryableError when the time is over, RejectedError at once, AbortError when the signal ends it.
 */
export async function patiently<Result>(
  work: () => Promise<Result>,
  { timeoutMs, signal }: Patience,
): Promise<Result> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetryableError) || Date.now() > until) throw error;
      // A pause can be lifted before its time.
      await sleep(Math.min(error.afterMs ?? RETRY_MS, LONGEST_RETRY_MS), undefined, { signal });
    }
  }
}
