import { setTimeout as sleep } from 'node:timers/promises';
import ky from 'ky';
import type { User } from '../../shared/user/user.ts';
import type { ReadableContact } from '../simulator/admin-routes.ts';
import type { App } from './app.ts';

/** Time from the write to the table until the CRM shows it, in milliseconds. */
export interface LiveLatency {
  p50: number;
  p99: number;
}

const POLL_MS = 100;
const TIMEOUT_MS = 120_000;

/**
 * Edits users at even intervals during another task, and measures how long each edit takes to reach the CRM.
 *
 * @throws Error when an edit does not arrive within two minutes.
 */
export async function liveEdits(
  app: App,
  crmUrl: string,
  users: readonly User[],
  overMs: number,
): Promise<LiveLatency> {
  const latencies = await Promise.all(
    users.map(async ({ userId, email = '' }, index) => {
      await sleep((overMs * index) / users.length);
      const firstName = `Livia ${index}`;
      const written = performance.now();
      await app.edit(userId, { firstName });
      while (performance.now() - written < TIMEOUT_MS) {
        const found = ky
          .get(`${crmUrl}/_simulator/contacts`, { searchParams: { email } })
          .json<ReadableContact[]>();
        if ((await found)[0]?.values['given_name'] === firstName) return performance.now() - written;
        await sleep(POLL_MS);
      }
      throw new Error(`The edit of ${userId} did not arrive within ${TIMEOUT_MS / 1000} s`);
    }),
  );
  const sorted = latencies.sort((a, b) => a - b);
  const at = (part: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return { p50: at(0.5), p99: at(0.99) };
}
