import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import * as z from 'zod';
import type { Report, Run } from '../../../lambdas/backfill/run.ts';
import { jsonText } from '../../../shared/zod-types.ts';
import { CommandError } from '../support/command-error.ts';

/** The execution ended without a report. */
export class BackfillFailedError extends CommandError {
  override name = 'BackfillFailedError';
}

/** Another backfill of the same mode is running: nothing was started. */
export class BackfillSkippedError extends CommandError {
  override name = 'BackfillSkippedError';
}

/** Progress of a backfill. */
export interface BackfillProgress {
  executionArn: string;
  run: Run;
}

export interface FinishedBackfill {
  report: Report;
  /** Events in the history of each of its executions. */
  historyEvents: number[];
}

const runSchema = z.looseObject({ runId: z.string(), next: z.string(), sent: z.array(z.unknown()) });
const skippedSchema = z.looseObject({ next: z.literal('skip'), mode: z.string(), running: z.string() });
const continuedSchema = z.looseObject({ continuedIn: z.string() });
/** Enough of the newest history events to include the exit of a task. */
const NEWEST_EVENTS = 20;

/** Starts a backfill. @returns the ARN of its execution. */
export async function startBackfill(
  sfn: SFNClient,
  stateMachineArn: string,
  input: unknown,
): Promise<string> {
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
  );
  if (!executionArn) throw new BackfillFailedError('StartExecution returned no ARN');
  return executionArn;
}

/**
 * Follows a backfill to its end, also when it continues as a new execution.
 *
 * @param pollMs interval of the polls, in milliseconds.
 * @throws BackfillFailedError with the reason when it fails or is stopped; BackfillSkippedError when another of its mode is running.
 */
export async function followBackfill(
  sfn: SFNClient,
  firstArn: string,
  pollMs: number,
  onProgress: (progress: BackfillProgress) => void,
): Promise<FinishedBackfill> {
  const historyEvents: number[] = [];
  let executionArn = firstArn;
  for (;;) {
    const { status, output, error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    const { events = [] } = await sfn.send(
      new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: NEWEST_EVENTS }),
    );
    if (status === 'SUCCEEDED') {
      historyEvents.push(Number(events[0]?.id ?? 0));
      const result: unknown = JSON.parse(output ?? '{}');
      const skipped = skippedSchema.safeParse(result).data;
      if (skipped)
        throw new BackfillSkippedError(
          `Nothing was started: a backfill of mode ${skipped.mode} is running (${skipped.running})`,
        );
      const continued = continuedSchema.safeParse(result);
      if (!continued.success) return { report: result as Report, historyEvents };
      executionArn = continued.data.continuedIn;
      continue;
    }
    if (status !== 'RUNNING' && status !== 'PENDING_REDRIVE') {
      throw new BackfillFailedError(
        `The backfill ended as ${status}: ${[error, messageOf(cause)].filter(Boolean).join(': ')}`,
      );
    }
    const newest = events.find((event) => event.stateExitedEventDetails?.output)?.stateExitedEventDetails
      ?.output;
    const run: unknown = newest === undefined ? undefined : JSON.parse(newest);
    if (runSchema.safeParse(run).success) onProgress({ executionArn, run: run as Run });
    await sleep(pollMs);
  }
}

/** The error message in the JSON that a failed function returns. */
export const messageOf = (cause: string | undefined): string | undefined =>
  causeSchema.safeParse(cause).data?.errorMessage ?? cause;

const causeSchema = z.pipe(jsonText, z.looseObject({ errorMessage: z.string() }));
