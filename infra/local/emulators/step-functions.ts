import * as z from 'zod';
import type { Execution, LocalStateMachine } from '../state-machines/state-machine.ts';
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
});
type Request = z.output<typeof requestSchema>;
type Machines = ReadonlyMap<string, LocalStateMachine>;

type Operation = (machines: Machines, request: Request) => Record<string, unknown>;

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  [
    'ListStateMachines',
    (machines) => ({
      stateMachines: [...machines.values()].map(({ arn, name }) => ({
        stateMachineArn: arn,
        name,
        type: 'STANDARD',
      })),
    }),
  ],
  [
    'StartExecution',
    (machines, { stateMachineArn, input, name }) => {
      const execution = machineOf(machines, stateMachineArn).start(input, name);
      if (!execution) throw new ServiceError('ExecutionAlreadyExists', `Execution Already Exists: '${name}'`);
      return { executionArn: execution.arn, startDate: seconds(execution.startedAt) };
    },
  ],
  [
    'DescribeExecution',
    (machines, { executionArn }) => {
      const { machine, execution } = find(machines, executionArn);
      return { ...summaryOf(machine, execution), ...documentsOf(execution) };
    },
  ],
  [
    'ListExecutions',
    (machines, { stateMachineArn, statusFilter }) => {
      const machine = machineOf(machines, stateMachineArn);
      const executions = [...machine.executions.values()].filter(
        ({ status }) => !statusFilter || status === statusFilter,
      );
      return { executions: executions.reverse().map((execution) => summaryOf(machine, execution)) };
    },
  ],
  [
    'StopExecution',
    (machines, { executionArn, error, cause }) => {
      const { machine, execution } = find(machines, executionArn);
      machine.stop(execution, error, cause);
      return { stopDate: seconds(execution.stoppedAt ?? new Date()) };
    },
  ],
  [
    'GetExecutionHistory',
    (machines, { executionArn }) => ({ events: newestEvents(find(machines, executionArn).execution) }),
  ],
]);

/** Starts a Step Functions endpoint for the state machines of the template, on a free port of 127.0.0.1. */
export async function startStepFunctions(): Promise<StepFunctions> {
  const machines = new Map<string, LocalStateMachine>();
  const operations = [...OPERATIONS].map(
    ([name, perform]) =>
      [name, (request: unknown) => perform(machines, requestSchema.parse(request))] as const,
  );
  const service = await startJsonService('AWSStepFunctions', new Map(operations));
  return {
    machines,
    endpoint: service.endpoint,
    async stop() {
      for (const machine of machines.values()) machine.stopAll();
      await service.stop();
    },
  };
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

const seconds = (date: Date): number => date.getTime() / 1000;

function summaryOf(machine: LocalStateMachine, { arn, name, status, startedAt, stoppedAt }: Execution) {
  return {
    executionArn: arn,
    stateMachineArn: machine.arn,
    name,
    status,
    startDate: seconds(startedAt),
    ...(stoppedAt && { stopDate: seconds(stoppedAt) }),
  };
}

const documentsOf = ({ input, output, error, cause }: Execution) => ({ input, output, error, cause });

/** The newest event with the output of a state, its id being the length of the history: callers read it backwards. */
function newestEvents({ historyEvents, lastExit, stoppedAt }: Execution) {
  if (!lastExit) return [];
  return [
    {
      id: historyEvents,
      previousEventId: historyEvents - 1,
      timestamp: seconds(stoppedAt ?? new Date()),
      type: 'TaskStateExited',
      stateExitedEventDetails: { name: lastExit.state, output: lastExit.output },
    },
  ];
}
