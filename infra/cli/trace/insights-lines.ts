import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CloudWatchLogsClient,
  GetQueryResultsCommand,
  QueryStatus,
  StartQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { CommandError } from '../command-error.ts';
import { type LogLine, readLogLine } from './log-line.ts';

/** Most lines of one answer (CloudWatch Logs Insights). */
const MAX_LINES = 10_000;
const POLL_MS = 1000;
const WAITING: ReadonlySet<string | undefined> = new Set([QueryStatus.Scheduled, QueryStatus.Running]);

export interface InsightsOptions {
  logGroupNames: string[];
  userId: string;
  /** Epoch milliseconds. */
  from: number;
  to: number;
}

/**
 * What the functions wrote about a user, from CloudWatch Logs Insights, which is paid for by the bytes that it looks through.
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
        .flatMap((text) => readLogLine(text, userId) ?? []);
    if (!WAITING.has(status))
      throw new CommandError(`CloudWatch Logs ended the query as ${status}. Try a shorter time: --days.`);
    await sleep(pollMs);
  }
}
