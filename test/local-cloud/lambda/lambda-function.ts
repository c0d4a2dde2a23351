import { randomUUID } from 'node:crypto';
import {
  type EnvironmentSettings,
  type ErrorResponse,
  ExecutionEnvironment,
  InvocationError,
} from './execution-environment.ts';

export interface FunctionSettings {
  environment: EnvironmentSettings;
  timeoutSeconds: number;
  /** Whether invocations are ended after the timeout. */
  isTimeoutEnforced: boolean;
  /** Most environments at a time. Undefined: only the account's limit applies. */
  reservedConcurrency: number | undefined;
}

export interface FunctionStatistics {
  invocations: number;
  /** Failed invocations, including those that timed out. */
  errors: number;
  /** Throttled invocations. They are not counted as invocations. */
  throttles: number;
  timeouts: number;
  coldStarts: number;
  maxConcurrent: number;
  /** What Lambda would bill: duration of each invocation in whole milliseconds, cold start included, times the memory. */
  gbSeconds: number;
  /** Largest heap of an environment at the end of an invocation, in bytes, garbage included. */
  maxHeapBytes: number;
}

/** The account's limit on this machine (Lambda's default is 1,000): each environment is a thread with its own heap. */
const ACCOUNT_CONCURRENCY = 50;

const MEGABYTES_PER_GB = 1024;

/** The function was not invoked: all of its concurrency is in use. */
export class ThrottledError extends Error {
  override readonly name = 'ThrottledError';

  constructor(functionName: string, limit: number) {
    super(`${functionName}: Rate Exceeded. All ${limit} environments are busy.`);
  }
}

/** A function with its execution environments. Warm ones are reused. */
export class LambdaFunction {
  readonly name: string;
  readonly arn: string;
  readonly timeoutSeconds: number;
  #settings: FunctionSettings;
  readonly #idle: ExecutionEnvironment[] = [];
  readonly #busy = new Set<ExecutionEnvironment>();
  /** Busy environments of an earlier deployment. */
  readonly #outdated = new Set<ExecutionEnvironment>();
  readonly #statistics: FunctionStatistics = {
    invocations: 0,
    errors: 0,
    throttles: 0,
    timeouts: 0,
    coldStarts: 0,
    maxConcurrent: 0,
    gbSeconds: 0,
    maxHeapBytes: 0,
  };

  constructor(settings: FunctionSettings) {
    const { functionName, invokedFunctionArn } = settings.environment.thread.context;
    this.name = functionName;
    this.arn = invokedFunctionArn;
    this.timeoutSeconds = settings.timeoutSeconds;
    this.#settings = settings;
  }

  get busy(): number {
    return this.#busy.size;
  }

  get statistics(): FunctionStatistics {
    return { ...this.#statistics };
  }

  /**
   * Invokes the function and waits for its result.
   *
   * @throws ThrottledError when all of its concurrency is in use; InvocationError when it fails or times out.
   */
  async invoke(event: unknown): Promise<unknown> {
    const limit = this.#settings.reservedConcurrency ?? ACCOUNT_CONCURRENCY;
    if (this.#busy.size >= limit) {
      this.#statistics.throttles++;
      throw new ThrottledError(this.name, limit);
    }
    const environment = this.#idle.pop() ?? this.#start();
    this.#busy.add(environment);
    this.#statistics.invocations++;
    this.#statistics.maxConcurrent = Math.max(this.#statistics.maxConcurrent, this.#busy.size);
    const startedAt = performance.now();
    try {
      await environment.ready;
      const payload = await this.#run(environment, JSON.stringify(event));
      return payload === undefined ? undefined : JSON.parse(payload);
    } catch (error) {
      this.#statistics.errors++;
      if (error instanceof InvocationError) this.#report(error.response);
      throw error;
    } finally {
      const billedSeconds = Math.ceil(performance.now() - startedAt) / 1000;
      this.#statistics.gbSeconds +=
        (billedSeconds * this.#settings.environment.memoryMegabytes) / MEGABYTES_PER_GB;
      this.#busy.delete(environment);
      const { maxHeapBytes } = this.#statistics;
      this.#statistics.maxHeapBytes = Math.max(maxHeapBytes, environment.maxHeapBytes);
      if (this.#outdated.delete(environment)) void environment.stop();
      else if (environment.alive) this.#idle.push(environment);
    }
  }

  /** Kills one environment during an invocation. @returns whether one was busy. */
  killBusyEnvironment(): boolean {
    const [environment] = this.#busy;
    environment?.destroy({
      errorType: 'Runtime.ExitError',
      errorMessage: 'Runtime exited with error: signal: killed',
    });
    return environment !== undefined;
  }

  /**
   * Changes environment variables, as a deployment does: running invocations end with the old values, later ones have new environments.
   *
   * @param variables those that the function does not have are ignored.
   */
  async deploy(variables: Readonly<Record<string, string>>): Promise<void> {
    const { environment } = this.#settings;
    const changed = Object.entries(variables).filter(([name]) => name in environment.variables);
    if (changed.length === 0) return;
    const all = { ...environment.variables, ...Object.fromEntries(changed) };
    this.#settings = { ...this.#settings, environment: { ...environment, variables: all } };
    for (const each of this.#busy) this.#outdated.add(each);
    await Promise.all(this.#idle.splice(0).map((each) => each.stop()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#busy, ...this.#idle].map((environment) => environment.stop()));
  }

  #start(): ExecutionEnvironment {
    this.#statistics.coldStarts++;
    const { environment } = this.#settings;
    const logStreamName = `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]${randomUUID()}`;
    const { thread } = environment;
    return new ExecutionEnvironment({
      ...environment,
      thread: { ...thread, context: { ...thread.context, logStreamName } },
      variables: { ...environment.variables, AWS_LAMBDA_LOG_STREAM_NAME: logStreamName },
    });
  }

  async #run(environment: ExecutionEnvironment, event: string): Promise<string | undefined> {
    const requestId = randomUUID();
    const timeoutMs = this.timeoutSeconds * 1000;
    const end = () => {
      this.#statistics.timeouts++;
      const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${this.timeoutSeconds.toFixed(2)} seconds`;
      environment.destroy({ errorType: 'Sandbox.Timedout', errorMessage });
    };
    const timer = this.#settings.isTimeoutEnforced ? setTimeout(end, timeoutMs) : undefined;
    try {
      return await environment.run({ requestId, event, deadline: Date.now() + timeoutMs });
    } finally {
      clearTimeout(timer);
    }
  }

  #report(response: ErrorResponse): void {
    this.#settings.environment.onLine(`ERROR Invoke Error ${JSON.stringify(response)}`);
  }
}
