import { randomUUID } from 'node:crypto';
import { ExecutionError, ExecutionTimeoutError, type StateMachine } from 'aws-local-stepfunctions';
import { InvocationError } from '../lambda/execution-environment.ts';
import { type LambdaFunction, ThrottledError } from '../lambda/lambda-function.ts';
import { type Definition, interpreterOf, parseDefinition } from './definition.ts';
import { Execution, historyEvents, type Outcome } from './execution.ts';
import { StatesError } from './states-error.ts';
import { type Json, wait } from './wait.ts';

export interface StateMachineSettings {
  arn: string;
  name: string;
  roleArn: string;
  /** Amazon States Language, as in the template. */
  definition: string;
  /** Factor of the duration of `Wait` states. */
  waitScale: number;
  /** The function of a task. @throws Error when there is none. */
  functionOf(name: string): LambdaFunction;
}

/** By the name of an execution. */
export type StateMachineStatistics = Record<string, { status: Execution['status']; historyEvents: number }>;

type Handler = (parameters: Json, signal: AbortSignal) => Promise<Json>;

const SHUT_DOWN = 'The local cloud stops.';

/** A state machine of the template. Its tasks invoke functions of the template. */
export class LocalStateMachine {
  readonly settings: Readonly<StateMachineSettings>;
  readonly createdAt = new Date();
  /** By ARN, in order of start. */
  readonly executions = new Map<string, Execution>();
  readonly #definition: Definition;
  readonly #interpreter: StateMachine;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #running = new Map<Execution, AbortController>();
  #shutDown = false;

  /** @throws Error on a definition that is invalid or uses an unsupported feature. */
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
   * Starts an execution. Returns a running one with the same name and input instead, if there is one.
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
    if (this.#shutDown) this.stop(execution, undefined, SHUT_DOWN);
    else void this.#run(execution, document);
    return execution;
  }

  /** Stops a running execution. A running invocation continues, as in AWS. */
  stop(execution: Execution, error?: string, cause?: string): void {
    execution.end({ status: 'ABORTED', error, cause });
    this.#running.get(execution)?.abort();
  }

  /** Stops all executions. Later ones are stopped as soon as they start. */
  shutDown(): void {
    this.#shutDown = true;
    for (const execution of this.#running.keys()) this.stop(execution, undefined, SHUT_DOWN);
  }

  /** Runs an execution. Never rejects: an error becomes the outcome. */
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

  /** Task handlers of one execution. They refuse to run once it has ended, because the interpreter would still retry. */
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

/**
 * `arn:aws:states:::lambda:invoke`: invokes a function, with the results and errors of the integration. A timeout fails as
 * `Sandbox.Timedout`, as newer runtimes report it (Step Functions developer guide, "Error names").
 *
 * @throws StatesError with the error type of the function's error.
 */
async function lambdaInvoke(target: LambdaFunction, payload: unknown): Promise<Json> {
  try {
    const returned: unknown = await target.invoke(payload);
    return { ExecutedVersion: '$LATEST', Payload: toJson(returned), StatusCode: 200 };
  } catch (error) {
    if (error instanceof InvocationError)
      throw new StatesError(error.response.errorType, JSON.stringify(error.response));
    if (error instanceof ThrottledError)
      throw new StatesError('Lambda.TooManyRequestsException', error.message);
    throw error;
  }
}

const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));
