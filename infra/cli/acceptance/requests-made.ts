import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type CloudWatchLogsClient, paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import * as z from 'zod';
import { jsonText } from '../../../shared/zod-types.ts';
import { percentile } from '../support/percentile.ts';

/** Requests that the sync made for the users of a run, retries included. */
export interface RequestsMade {
  total: number;
  /** Users of the run with lines in the log. */
  users: number;
  perUser: number;
  /** Median of the first sync of a user; null when the log has none. */
  perNewUser: number | null;
}

const lineSchema = z.looseObject({
  userId: z.string(),
  requests: z.array(z.string()),
  causes: z.array(z.string()).catch([]),
});

/** Counts requests in the log lines of sync-contact. Other lines, and lines about other users, are ignored. */
export function countRequests(lines: Iterable<string>, userIdPrefix: string): RequestsMade {
  const byUser = new Map<string, number>();
  const created = new Map<string, number>();
  for (const text of lines) {
    const line = parse(text);
    if (!line?.userId.startsWith(userIdPrefix)) continue;
    const { userId, requests, causes } = line;
    byUser.set(userId, (byUser.get(userId) ?? 0) + requests.length);
    if (causes.includes('created')) created.set(userId, (created.get(userId) ?? 0) + requests.length);
  }
  const total = [...byUser.values()].reduce((sum, count) => sum + count, 0);
  return {
    total,
    users: byUser.size,
    perUser: byUser.size === 0 ? 0 : total / byUser.size,
    perNewUser: created.size === 0 ? null : percentile([...created.values()], 0.5),
  };
}

const textSchema = z.pipe(jsonText, lineSchema);

const parse = (text: string): z.infer<typeof lineSchema> | undefined =>
  textSchema.safeParse(text.slice(text.indexOf('{'))).data;

/** Reads log lines about users of the run from a system on this machine. */
export async function localLinesAbout(logFile: string, userIdPrefix: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const text of createInterface({ input: createReadStream(logFile) }))
    if (text.includes(userIdPrefix)) lines.push(text);
  return lines;
}

/**
 * Reads log lines about users of the run from CloudWatch Logs. Not with Logs Insights, which returns a line only some time after it was
 * written.
 *
 * @param from epoch milliseconds.
 */
export async function loggedLinesAbout(
  logs: CloudWatchLogsClient,
  {
    logGroupNames,
    userIdPrefix,
    from,
  }: { logGroupNames: readonly string[]; userIdPrefix: string; from: number },
): Promise<string[]> {
  const lines: string[] = [];
  for (const logGroupName of logGroupNames) {
    const filter = { logGroupName, startTime: from, filterPattern: JSON.stringify(userIdPrefix) };
    for await (const { events = [] } of paginateFilterLogEvents({ client: logs }, filter))
      lines.push(...events.flatMap(({ message }) => message ?? []));
  }
  return lines;
}
