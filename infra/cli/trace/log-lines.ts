import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CloudWatchLogsClient,
  GetQueryResultsCommand,
  QueryStatus,
  StartQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import * as z from 'zod';
import { jsonText } from '../../../shared/zod-types.ts';
import { CommandError } from '../support/command-error.ts';

const logLineSchema = z.looseObject({
  timestamp: z.string(),
  service: z.string(),
  level: z.string(),
  message: z.string(),
  userId: z.string(),
});
/** A log line of a function about a user. */
export type LogLine = z.infer<typeof logLineSchema>;

const logTextSchema = z.pipe(jsonText, logLineSchema);

/** Parses a log line. @returns undefined when it is not JSON about this user. */
export function parseLogLine(text: string, userId: string): LogLine | undefined {
  const { data } = logTextSchema.safeParse(text);
  return data?.userId === userId ? data : undefined;
}

/** Reads a user's log lines of a system on this machine. @param logFile each line begins with the name of the function. */
export async function localLines(logFile: string, userId: string): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const text of createInterface({ input: createReadStream(logFile) })) {
    const line = parseLogLine(text.slice(text.indexOf('{')), userId);
    if (line) lines.push(line);
  }
  return lines;
}

/** Most lines of one result (CloudWatch Logs Insights). */
const MAX_LINES = 10_000;
const POLL_MS = 1000;
const IN_PROGRESS: ReadonlySet<string | undefined> = new Set([QueryStatus.Scheduled, QueryStatus.Running]);

export interface InsightsOptions {
  logGroupNames: string[];
  userId: string;
  /** Epoch milliseconds. */
  from: number;
  to: number;
}

/**
 * Reads a user's log lines with CloudWatch Logs Insights, which charges for the bytes scanned.
 *
 * @throws CommandError when the query fails.
 */
export async function insightsLines(
  logs: CloudWatchLogsClient,
  { logGroupNames, userId, from, to }: InsightsOptions,
  pollMs = POLL_MS,
): Promise<LogLine[]> {
  const { queryId } = await logs.send(
    new StartQueryCommand({
      logGroupNames,
      startTime: Math.floor(from / 1000),
      endTime: Math.ceil(to / 1000),
      queryString: `fields @message | filter userId = ${JSON.stringify(userId)} | sort @timestamp asc | limit ${MAX_LINES}`,
    }),
  );
  for (;;) {
    const { status, results = [] } = await logs.send(new GetQueryResultsCommand({ queryId }));
    if (status === QueryStatus.Complete)
      return results
        .map((fields) => fields.find(({ field }) => field === '@message')?.value ?? '')
        .flatMap((text) => parseLogLine(text, userId) ?? []);
    if (!IN_PROGRESS.has(status))
      throw new CommandError(`The query of CloudWatch Logs ended as ${status}. Try fewer days with --days.`);
    await sleep(pollMs);
  }
}
