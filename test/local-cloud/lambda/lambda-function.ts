import { randomUUID } from 'node:crypto';
import { type EnvironmentSettings, ExecutionEnvironment } from './execution-environment.ts';
import { type ErrorResponse, InvocationError, ThrottledError } from './invocation-error.ts';

export interface FunctionSettings {
  environment: EnvironmentSettings;
  timeoutSeconds: number;
  /** Most environments at once; undefined is no limit but the account's. */
  reservedConcurrency: number | undefined;
}

export interface FunctionStatistics {
  invocations: number;
  /** Invocations that failed, those that ran out of time included. */
  errors: number;
  /** Refused invocations; they are not counted as invocations. */
  throttles: number;
  timeouts: number;
  coldStarts: number;
  maxConcurrent: number;
  /** What Lambda would bill: whole milliseconds of each invocation, its cold start too, times the memory. */
  gbSeconds: number;
  /** Largest heap of an environment at the end of an invocation, in bytes, with what was still to be collected. */
  maxHeapBytes: number;
}

/** The account's limit on one machine (Lambda's default is 1,000): each environment is a thread with its own heap. */
const ACCOUNT_CONCURRENCY = 50;

const MEGABYTES_A_GB = 1024;

/** A function: its execution environments, reused while they are warm, as many as run at once. */
export class LambdaFunction {
  readonly name: string;
  readonly arn: string;
  readonly timeoutSeconds: number;
  readonly #settings: FunctionSettings;
  readonly #idle: ExecutionEnvironment[] = [];
  readonly #busy = new Set<ExecutionEnvironment>();
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
   * Invokes the function and waits for what it returns.
   *
   * @throws ThrottledError when all of its concurrency is in use; InvocationError when it fails or its time is up.
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
        (billedSeconds * this.#settings.environment.memoryMegabytes) / MEGABYTES_A_GB;
      this.#busy.delete(environment);
      const { maxHeapBytes } = this.#statistics;
      this.#statistics.maxHeapBytes = Math.max(maxHeapBytes, environment.maxHeapBytes);
      if (environment.alive) this.#idle.push(environment);
    }
  }

  /** Kills one environment in the middle of an invocation. @returns whether there was a busy one. */
  killBusyEnvironment(): boolean {
    const [environment] = this.#busy;
    environment?.destroy({
      errorType: 'Runtime.ExitError',
      errorMessage: 'Runtime exited with error: signal: killed',
    });
    return environment !== undefined;
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
    const timer = setTimeout(() => {
      this.#statistics.timeouts++;
      const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${this.timeoutSeconds.toFixed(2)} seconds`;
      environment.destroy({ errorType: 'Sandbox.Timedout', errorMessage });
    }, timeoutMs);
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
