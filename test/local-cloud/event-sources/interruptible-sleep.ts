import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, and no longer than until the signal is aborted. Never throws. */
export async function interruptibleSleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => signal.aborted);
}
