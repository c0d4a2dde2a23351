import { randomUUID } from 'node:crypto';
import { ExecutionAbortedError, StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';
import * as z from 'zod';
import { InvocationError, ThrottledError } from '../lambda/invocation-error.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';

type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';

/** One run of a state machine. Documents are JSON texts, as the service has them. */
export interface Execution {
  readonly arn: string;
  readonly name: string;
  readonly input: string;
  readonly startedAt: Date;
  status: ExecutionStatus;
  stoppedAt: Date | undefined;
  output: string | undefined;
  error: string | undefined;
  cause: string | undefined;
  /** Output of the last state that ended, and its name. */
  lastExit: { state: string; output: string } | undefined;
  /** Events that Step Functions would have in this execution's history, of which it allows 25,000. */
  historyEvents: number;
}

const definitionSchema = z.looseObject({
  States: z.record(
    z.string(),
    z.looseObject({
      Type: z.enum(['Task', 'Choice', 'Wait', 'Pass', 'Succeed', 'Fail']),
      Resource: z.string().optional(),
    }),
  ),
});
const invokeSchema = z.looseObject({ FunctionName: z.string(), Payload: z.unknown() });
const LAMBDA_INVOKE = ':states:::lambda:invoke';

/** Events of one visit of a state: entered and exited, and of a task scheduled, started and ended too (AWS docs). */
const EVENTS: Readonly<Record<string, number>> = { Task: 5, Succeed: 2, Fail: 1 };
const EVENTS_OF_RETRY = 3;

export interface StateMachineSettings {
  arn: string;
  name: string;
  /** States Language, as the template has it. */
  definition: string;
  /** The function of an ARN, with or without a version. */
  functionOf(arn: string): LambdaFunction | undefined;
}

/**
 * A state machine of the template, run by an interpreter of the States Language. Its tasks invoke the functions of the
 * template.
 *
 * @throws Error when the definition has a kind of state or a service integration that the local cloud does not know.
 */
export class LocalStateMachine {
  readonly arn: string;
  readonly name: string;
  readonly definition: string;
  readonly executions = new Map<string, Execution>();
  readonly #settings: StateMachineSettings;
  readonly #parsed: z.output<typeof definitionSchema>;
  readonly #aborts = new Map<string, () => void>();

  constructor(settings: StateMachineSettings) {
    const { arn, name, definition } = settings;
    this.arn = arn;
    this.name = name;
    this.definition = definition;
    this.#settings = settings;
    this.#parsed = definitionSchema.parse(JSON.parse(definition));
    for (const [state, { Type, Resource }] of Object.entries(this.#parsed.States)) {
      if (Type === 'Task' && !Resource?.endsWith(LAMBDA_INVOKE)) {
        throw new Error(`State "${state}": the local cloud does not know the integration ${Resource}`);
      }
    }
  }

  /** Starts an execution. One that has the name and the input of another is that other, as with the service. */
  start(input: string, name: string = randomUUID()): Execution | undefined {
    const arn = `${this.arn.replace(':stateMachine:', ':execution:')}:${name}`;
    const existing = this.executions.get(arn);
    if (existing) return existing.input === input ? existing : undefined;
    const execution: Execution = {
      arn,
      name,
      input,
      startedAt: new Date(),
      status: 'RUNNING',
      stoppedAt: undefined,
      output: undefined,
      error: undefined,
      cause: undefined,
      lastExit: undefined,
      historyEvents: 1,
    };
    this.executions.set(arn, execution);
    void this.#run(execution);
    return execution;
  }

  /** Ends an execution that runs. */
  stop(execution: Execution, error?: string, cause?: string): void {
    if (execution.status !== 'RUNNING') return;
    end(execution, { status: 'ABORTED', error, cause });
    this.#aborts.get(execution.arn)?.();
  }

  stopAll(): void {
    for (const execution of this.executions.values()) this.stop(execution);
  }

  async #run(execution: Execution): Promise<void> {
    const tasks = Object.entries(this.#parsed.States).filter(([, { Type }]) => Type === 'Task');
    const machine = new StateMachine(this.#parsed as unknown as StateMachineDefinition, {
      validationOptions: { checkArn: false },
    });
    const { result, eventLogs, abort } = machine.run(JSON.parse(execution.input), {
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(
          tasks.map(([state]) => [state, (parameters: unknown) => this.#invoke(parameters)]),
        ),
      },
      context: {
        Execution: { Id: execution.arn, Name: execution.name, StartTime: execution.startedAt.toISOString() },
        StateMachine: { Id: this.arn, Name: this.name },
      },
    });
    this.#aborts.set(execution.arn, abort);
    const recorded = (async () => {
      for await (const event of eventLogs) record(execution, event);
    })();
    try {
      const output = JSON.stringify(await result);
      await recorded;
      if (execution.status === 'RUNNING') end(execution, { status: 'SUCCEEDED', output });
    } catch (error) {
      if (error instanceof ExecutionAbortedError || execution.status !== 'RUNNING') return;
      const { name, message } = firstCause(error);
      end(execution, { status: 'FAILED', error: name, cause: message });
    } finally {
      this.#aborts.delete(execution.arn);
    }
  }

  /** `arn:aws:states:::lambda:invoke`: answers and fails as the integration does. */
  async #invoke(parameters: unknown) {
    const { FunctionName, Payload } = invokeSchema.parse(parameters);
    const target = this.#settings.functionOf(FunctionName);
    if (!target) throw named('Lambda.ResourceNotFoundException', `No function ${FunctionName}`);
    try {
      return { StatusCode: 200, ExecutedVersion: '$LATEST', Payload: toJson(await target.invoke(Payload)) };
    } catch (error) {
      if (error instanceof InvocationError)
        throw named(error.response.errorType, JSON.stringify(error.response));
      if (error instanceof ThrottledError) throw named('Lambda.TooManyRequestsException', error.message);
      throw error;
    }
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

/** The interpreter wraps what a task threw. */
function firstCause(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  return error.cause instanceof Error ? firstCause(error.cause) : error;
}

function end(execution: Execution, outcome: Partial<Execution> & { status: ExecutionStatus }): void {
  Object.assign(execution, outcome, { stoppedAt: new Date(), historyEvents: execution.historyEvents + 1 });
}

const eventSchema = z.looseObject({
  type: z.string(),
  state: z.looseObject({ name: z.string(), type: z.string(), output: z.unknown().optional() }).optional(),
});

function record(execution: Execution, event: unknown): void {
  const { type, state } = eventSchema.parse(event);
  if (type === 'StateRetried') execution.historyEvents += EVENTS_OF_RETRY;
  if (!state) return;
  if (type === 'StateEntered') execution.historyEvents += EVENTS[state.type] ?? 2;
  if (type === 'StateExited')
    execution.lastExit = { state: state.name, output: JSON.stringify(state.output) };
}
