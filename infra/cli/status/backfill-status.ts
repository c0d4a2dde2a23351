import {
  DescribeExecutionCommand,
  type ExecutionListItem,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import * as z from 'zod';
import { jsonText } from '../../../shared/zod-types.ts';
import { messageOf } from '../backfill/follow-backfill.ts';

/** One backfill. */
export interface BackfillStatus {
  name: string;
  status: string;
  startedAt: string | null;
  mode: string | null;
  /** From 0 to 1, while it is running. */
  shareDone: number | null;
  /** The error, if it failed. */
  cause: string | null;
}

const runSchema = z.pipe(
  jsonText,
  z.looseObject({ input: z.looseObject({ mode: z.string() }), shareDone: z.number() }),
);
const inputSchema = z.pipe(jsonText, z.looseObject({ mode: z.string() }));
const NEWEST_EVENTS = 20;
/** Enough to include the running executions: at most one of each mode, among skipped ones. */
const NEWEST_EXECUTIONS = 100;

/** The running backfills, newest first, or the last one when none is running. */
export async function backfillStatuses(sfn: SFNClient, stateMachineArn: string): Promise<BackfillStatus[]> {
  const { executions = [] } = await sfn.send(
    new ListExecutionsCommand({ stateMachineArn, maxResults: NEWEST_EXECUTIONS }),
  );
  const running = executions.filter(({ status }) => status === 'RUNNING' || status === 'PENDING_REDRIVE');
  return Promise.all(
    (running.length > 0 ? running : executions.slice(0, 1)).map((each) => statusOf(sfn, each)),
  );
}

async function statusOf(
  sfn: SFNClient,
  { executionArn, name = '', status, startDate }: ExecutionListItem,
): Promise<BackfillStatus> {
  const [described, history] = await Promise.all([
    sfn.send(new DescribeExecutionCommand({ executionArn })),
    sfn.send(new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: NEWEST_EVENTS })),
  ]);
  const outputs = (history.events ?? []).map((event) => event.stateExitedEventDetails?.output);
  const run = outputs.map((output) => runSchema.safeParse(output).data).find((each) => each);
  const input = inputSchema.safeParse(described.input).data;
  return {
    name,
    status: status ?? '',
    startedAt: startDate?.toISOString() ?? null,
    mode: run?.input.mode ?? input?.mode ?? null,
    shareDone: run?.shareDone ?? null,
    cause: messageOf(described.cause) ?? described.error ?? null,
  };
}
