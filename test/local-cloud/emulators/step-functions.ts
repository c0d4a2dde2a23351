import * as z from 'zod';
import type { Execution } from '../state-machines/execution.ts';
import type { LocalStateMachine } from '../state-machines/state-machine.ts';
import { ServiceError, startJsonService } from './aws-json-service.ts';

export interface StepFunctions {
  endpoint: string;
  /** State machines by ARN. */
  machines: Map<string, LocalStateMachine>;
  stop(): Promise<void>;
}

const requestSchema = z.looseObject({
  stateMachineArn: z.string().optional(),
  executionArn: z.string().optional(),
  name: z.string().optional(),
  input: z.string().default('{}'),
  error: z.string().optional(),
  cause: z.string().optional(),
  statusFilter: z.string().optional(),
  maxResults: z.number().optional(),
  nextToken: z.string().optional(),
  reverseOrder: z.boolean().optional(),
});
type Request = z.output<typeof requestSchema>;
type Machines = ReadonlyMap<string, LocalStateMachine>;

type Operation = (machines: Machines, request: Request) => Record<string, unknown>;

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['ListStateMachines', (machines) => ({ stateMachines: [...machines.values()].map(machineSummary) })],
  [
    'DescribeStateMachine',
    (machines, { stateMachineArn }) => {
      const machine = machineOf(machines, stateMachineArn);
      const { definition, roleArn } = machine.settings;
      return { ...machineSummary(machine), status: 'ACTIVE', definition, roleArn };
    },
  ],
  [
    'StartExecution',
    (machines, { stateMachineArn, input, name }) => {
      const execution = start(machineOf(machines, stateMachineArn), input, name);
      if (!execution) throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${name}'`);
      return { executionArn: execution.arn, startDate: seconds(execution.startedAt) };
    },
  ],
  [
    'DescribeExecution',
    (machines, { executionArn }) => {
      const { machine, execution } = find(machines, executionArn);
      return { ...executionSummary(machine, execution), ...executionDocuments(execution) };
    },
  ],
  [
    'ListExecutions',
    (machines, { stateMachineArn, statusFilter, ...page }) => {
      const machine = machineOf(machines, stateMachineArn);
      const all = [...machine.executions.values()];
      const executions = all.filter(({ status }) => !statusFilter || status === statusFilter);
      const { positions, ...rest } = pageOf(executions.length, { ...page, reverseOrder: true });
      const listed = positions.flatMap((position) => executions[position] ?? []);
      return { executions: listed.map((execution) => executionSummary(machine, execution)), ...rest };
    },
  ],
  [
    'StopExecution',
    (machines, { executionArn, error, cause }) => {
      const { machine, execution } = find(machines, executionArn);
      machine.stop(execution, error, cause);
      return { stopDate: seconds(execution.outcome?.at ?? new Date()) };
    },
  ],
  [
    'GetExecutionHistory',
    (machines, { executionArn, ...page }) => executionHistory(find(machines, executionArn).execution, page),
  ],
]);

/** Valid name of an execution (Step Functions API reference, StartExecution). */
const NAME = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]{1,80}$/u;

/** Starts a Step Functions endpoint for the state machines of the template, on a free port of 127.0.0.1. */
export async function startStepFunctions(): Promise<StepFunctions> {
  const machines = new Map<string, LocalStateMachine>();
  const operations = [...OPERATIONS].map(
    ([name, perform]) =>
      [name, (request: unknown) => perform(machines, requestSchema.parse(request))] as const,
  );
  return { machines, ...(await startJsonService('AWSStepFunctions', new Map(operations))) };
}

function start(machine: LocalStateMachine, input: string, name: string | undefined): Execution | undefined {
  if (name !== undefined && !NAME.test(name))
    throw new ServiceError('InvalidName', `Invalid Name: '${name}'`);
  try {
    return machine.start(input, name);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ServiceError(
      'InvalidExecutionInput',
      `Invalid State Machine Execution Input: ${error.message}`,
    );
  }
}

function machineOf(machines: Machines, arn: string | undefined): LocalStateMachine {
  const machine = machines.get(arn ?? '');
  if (!machine) throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  return machine;
}

function find(
  machines: Machines,
  arn: string | undefined,
): { machine: LocalStateMachine; execution: Execution } {
  for (const machine of machines.values()) {
    const execution = machine.executions.get(arn ?? '');
    if (execution) return { machine, execution };
  }
  throw new ServiceError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
}

function machineSummary({ settings, createdAt }: LocalStateMachine) {
  const { arn, name } = settings;
  return { stateMachineArn: arn, name, type: 'STANDARD', creationDate: seconds(createdAt) };
}

/** A time in seconds, as in the API. */
const seconds = (date: Date): number => date.getTime() / 1000;

/** An execution in a list. */
function executionSummary(
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

/** Input and result of an execution. */
function executionDocuments({ input, outcome }: Execution) {
  if (!outcome) return { input };
  if (outcome.status === 'SUCCEEDED') return { input, output: outcome.output };
  return { input, error: outcome.error, cause: outcome.cause };
}

/** A page of the history of an execution. @throws ServiceError on an invalid token. */
function executionHistory({ history }: Execution, request: PageRequest) {
  const { positions, ...rest } = pageOf(history.length, request);
  const events = positions.flatMap((position) => {
    const event = history[position];
    if (!event) return [];
    const { type, timestamp, details } = event;
    return [{ id: position + 1, previousEventId: position, type, timestamp: seconds(timestamp), ...details }];
  });
  return { events, ...rest };
}

export interface PageRequest {
  maxResults?: number | undefined;
  nextToken?: string | undefined;
  /** Newest first. */
  reverseOrder?: boolean | undefined;
}

/** Default page size (Step Functions API reference). */
const DEFAULT_RESULTS = 100;

/**
 * A page of an append-only list. A token is a position, so pages neither overlap nor leave gaps when the list grows meanwhile.
 *
 * @returns positions within the list.
 * @throws ServiceError `InvalidToken`.
 */
export function pageOf(
  length: number,
  { maxResults, nextToken, reverseOrder = false }: PageRequest,
): { positions: number[]; nextToken?: string } {
  const first = nextToken === undefined ? (reverseOrder ? length - 1 : 0) : Number(nextToken);
  if (nextToken !== undefined && !(Number.isInteger(first) && first >= 0 && first < length))
    throw new ServiceError('InvalidToken', `Invalid Token: '${nextToken}'`);
  const available = reverseOrder ? first + 1 : length - first;
  const count = Math.min(available, maxResults || DEFAULT_RESULTS);
  const positions = Array.from({ length: count }, (_, index) =>
    reverseOrder ? first - index : first + index,
  );
  const next = reverseOrder ? first - count : first + count;
  return { positions, ...(count < available && { nextToken: String(next) }) };
}
