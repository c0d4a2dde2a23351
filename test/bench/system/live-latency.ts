import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { User } from '../../../shared/user/user.ts';
import type { BenchSystem } from './bench-system.ts';

const syncedLine = z.object({
  message: z.literal('Synced'),
  userId: z.string(),
  timestamp: z.iso.datetime(),
});
const TIMEOUT_MS = 120_000;
const POLL_MS = 100;

/**
 * Edits users one after another. Measures the time from each write to the table until sync-contact logs that it has the CRM's response
 * and has written it back.
 *
 * @param everyMs time between two edits, in milliseconds.
 * @returns the time of each edit in milliseconds.
 * @throws Error if an edit is not synced within two minutes.
 */
export async function liveLatencies(
  { app, system }: BenchSystem,
  users: readonly User[],
  everyMs: number,
): Promise<number[]> {
  const written = new Map<string, number>();
  const latencies = new Map<string, number>();
  let read = system.logs.length;
  const readLog = () => {
    for (; read < system.logs.length; read++) {
      const line = system.logs[read] ?? '';
      if (!line.includes('"Synced"')) continue;
      const synced = syncedLine.safeParse(JSON.parse(line.slice(line.indexOf(' ') + 1))).data;
      const at = synced && written.get(synced.userId);
      if (at !== undefined && synced && Date.parse(synced.timestamp) >= at && !latencies.has(synced.userId))
        latencies.set(synced.userId, Date.parse(synced.timestamp) - at);
    }
  };
  for (const [index, { userId }] of users.entries()) {
    written.set(userId, Date.now());
    await app.edit(userId, { firstName: `Livia ${index}` });
    await sleep(everyMs);
  }
  const until = Date.now() + TIMEOUT_MS;
  for (readLog(); latencies.size < users.length; readLog()) {
    if (Date.now() > until)
      throw new Error(`${users.length - latencies.size} edits were not synced within ${TIMEOUT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
  return [...latencies.values()];
}
