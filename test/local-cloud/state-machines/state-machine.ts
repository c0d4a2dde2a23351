import { randomUUID } from 'node:crypto';
import { ExecutionError, ExecutionTimeoutError, type StateMachine } from 'aws-local-stepfunctions';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import { type Definition, interpreterOf, parseDefinition } from './definition.ts';
import { Execution, type Outcome } from './execution.ts';
import { historyEvents } from './history.ts';
import type { Json } from './json.ts';
import { lambdaInvoke } from './lambda-invoke.ts';
import { StatesError } from './states-error.ts';
import { wait } from './wait.ts';

export interface StateMachineSettings {
  arn: string;
  name: string;
  roleArn: string;
  /** States Language, as the template has it. */
  definition: string;
  /** Times this, a `Wait` state lasts. */
  waitScale: number;
  /** The function that a task names. @throws when there is none. */
  functionOf(name: string): LambdaFunction;
}

/** By the name of an execution. */
export type StateMachineStatistics = Record<string, { status: Execution['status']; historyEvents: number }>;

type Handler = (parameters: Json, signal: AbortSignal) => Promise<Json>;

const THE_CLOUD_STOPS = 'The local cloud stops.';

/** A state machine of the template. Its tasks invoke the functions of the template. */
export class LocalStateMachine {
  readonly settings: Readonly<StateMachineSettings>;
  readonly createdAt = new Date();
  /** By ARN, in the order of their start. */
  readonly executions = new Map<string, Execution>();
  readonly #definition: Definition;
  readonly #interpreter: StateMachine;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #running = new Map<Execution, AbortController>();
  #shutDown = false;

  /** @throws Error on a definition that is not valid, or has something in it that the local cloud does not know. */
  constructor(settings: StateMachineSettings) {
    this.settings = settings;
    this.#definition = parseDefinition(settings.definition);
    this.#interpreter = interpreterOf(this.#definition);
    this.#handlers = handlersOf(this.#definition, settings);
  }

  get statistics(): StateMachineStatistics {
    const executions = [...this.executions.values()].map(
      ({ name, status, history }) => [name, { status, historyEvents: history.length }] as const,
    );
    return Object.fromEntries(executions);
  }

  /**
   * Starts an execution. One that runs and has this name and this input already is the answer itself.
   *
   * @returns undefined when the name is taken.
   * @throws SyntaxError when the input is not JSON.
   */
  start(input: string, name: string = randomUUID()): Execution | undefined {
    const document: Json = JSON.parse(input);
    const arn = `${this.settings.arn.replace(':stateMachine:', ':execution:')}:${name}`;
    const existing = this.executions.get(arn);
    if (existing) return existing.status === 'RUNNING' && existing.input === input ? existing : undefined;
    const execution = new Execution(arn, name, input);
    this.executions.set(arn, execution);
    if (this.#shutDown) this.stop(execution, undefined, THE_CLOUD_STOPS);
    else void this.#run(execution, document);
    return execution;
  }

  /** Ends an execution that runs. The function of a task that is at work goes on, as with the service. */
  stop(execution: Execution, error?: string, cause?: string): void {
    execution.end({ status: 'ABORTED', error, cause });
    this.#running.get(execution)?.abort();
  }

  /** Ends all executions, and those that are started from now on at once. */
  shutDown(): void {
    this.#shutDown = true;
    for (const execution of this.#running.keys()) this.stop(execution, undefined, THE_CLOUD_STOPS);
  }

  /** Never rejects: whatever fails is how the execution ended. */
  async #run(execution: Execution, input: Json): Promise<void> {
    const running = new AbortController();
    this.#running.set(execution, running);
    const { arn, name, roleArn } = this.settings;
    const { result, eventLogs, abort } = this.#interpreter.run(input, {
      overrides: { taskResourceLocalHandlers: this.#handlersWithin(running.signal) },
      context: {
        Execution: { Id: execution.arn, Name: execution.name, RoleArn: roleArn },
        StateMachine: { Id: arn, Name: name },
      },
    });
    running.signal.addEventListener('abort', abort);
    const record = async () => {
      for await (const entry of eventLogs) {
        const typeOf = (state: string) => this.#definition.States[state]?.Type;
        for (const event of historyEvents(entry, typeOf, execution.history.at(-1))) execution.record(event);
        if (execution.status !== 'RUNNING') running.abort();
      }
    };
    const [ended, recorded] = await Promise.allSettled([result, record()]);
    execution.end(outcomeOf(recorded.status === 'rejected' ? recorded : ended));
    running.abort();
    this.#running.delete(execution);
  }

  /** The handlers for one execution. Once it has ended, nothing is invoked: the interpreter would still retry. */
  #handlersWithin(signal: AbortSignal): Record<string, (parameters: Json) => Promise<Json>> {
    const handlers = [...this.#handlers].map(([state, handle]) => {
      const handleWhileRunning = async (parameters: Json) => {
        if (signal.aborted) throw new StatesError('States.Runtime', 'The execution has ended.');
        return handle(parameters, signal);
      };
      return [state, handleWhileRunning] as const;
    });
    return Object.fromEntries(handlers);
  }
}

function handlersOf(
  { States }: Definition,
  { functionOf, waitScale }: StateMachineSettings,
): Map<string, Handler> {
  const handlers = new Map<string, Handler>();
  for (const [name, state] of Object.entries(States)) {
    if (state.Type === 'Wait')
      handlers.set(name, (parameters, signal) => wait(parameters, waitScale, signal));
    if (state.Type === 'Task') {
      const target = functionOf(state.Parameters.FunctionName);
      handlers.set(name, (parameters) => lambdaInvoke(target, payloadOf(parameters)));
    }
  }
  return handlers;
}

function payloadOf(parameters: Json): Json | undefined {
  const isObject = typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters);
  return isObject ? parameters['Payload'] : undefined;
}

function outcomeOf(settled: PromiseSettledResult<unknown>): Outcome {
  if (settled.status === 'fulfilled') return { status: 'SUCCEEDED', output: JSON.stringify(settled.value) };
  const reason: unknown = settled.reason;
  if (reason instanceof ExecutionTimeoutError)
    return { status: 'TIMED_OUT', error: 'States.Timeout', cause: undefined };
  const { name, message } =
    reason instanceof ExecutionError && reason.cause instanceof Error ? reason.cause : Error(String(reason));
  return { status: 'FAILED', error: name, cause: message };
}
