import type { Execution } from '../state-machines/execution.ts';
import type { LocalStateMachine } from '../state-machines/state-machine.ts';
import { type PageRequest, pageOf } from './page.ts';

/** A time as the API has it: in seconds. */
export const seconds = (date: Date): number => date.getTime() / 1000;

/** An execution as a list shows it. */
export function executionSummary(
  { settings }: LocalStateMachine,
  { arn, name, status, startedAt, outcome }: Execution,
) {
  return {
    executionArn: arn,
    stateMachineArn: settings.arn,
    name,
    status,
    startDate: seconds(startedAt),
    ...(outcome && { stopDate: seconds(outcome.at) }),
  };
}

/** What went into an execution, and what came out of it. */
export function executionDocuments({ input, outcome }: Execution) {
  if (!outcome) return { input };
  if (outcome.status === 'SUCCEEDED') return { input, output: outcome.output };
  return { input, error: outcome.error, cause: outcome.cause };
}

/** A page of the history of an execution. @throws ServiceError on a token that is of no page. */
export function executionHistory({ history }: Execution, request: PageRequest) {
  const { positions, ...rest } = pageOf(history.length, request);
  const events = positions.flatMap((position) => {
    const event = history[position];
    if (!event) return [];
    const { type, timestamp, details } = event;
    return [{ id: position + 1, previousEventId: position, type, timestamp: seconds(timestamp), ...details }];
  });
  return { events, ...rest };
}
