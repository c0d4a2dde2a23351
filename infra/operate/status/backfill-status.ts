import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import * as z from 'zod';

/** The newest backfill. */
export interface BackfillStatus {
  name: string;
  status: string;
  startedAt: string | null;
  mode: string | null;
  /** From 0 to 1, while it runs. */
  shareDone: number | null;
  /** Why it failed. */
  cause: string | null;
}

const runSchema = z.looseObject({ input: z.looseObject({ mode: z.string() }), shareDone: z.number() });
const inputSchema = z.looseObject({ mode: z.string() });
const NEWEST_EVENTS = 20;

/** The newest execution of the state machine, or undefined where there was none. */
export async function backfillStatus(
  sfn: SFNClient,
  stateMachineArn: string,
): Promise<BackfillStatus | undefined> {
  const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn, maxResults: 1 }));
  const [newest] = executions;
  if (!newest) return undefined;
  const { executionArn, name = '', status = '', startDate } = newest;
  const [described, history] = await Promise.all([
    sfn.send(new DescribeExecutionCommand({ executionArn })),
    sfn.send(new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: NEWEST_EVENTS })),
  ]);
  const outputs = (history.events ?? []).map((event) => event.stateExitedEventDetails?.output);
  const run = outputs.map((output) => runSchema.safeParse(parsed(output)).data).find((each) => each);
  const input = inputSchema.safeParse(parsed(described.input)).data;
  return {
    name,
    status,
    startedAt: startDate?.toISOString() ?? null,
    mode: run?.input.mode ?? input?.mode ?? null,
    shareDone: run?.shareDone ?? null,
    cause: described.cause ?? described.error ?? null,
  };
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
