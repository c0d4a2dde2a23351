import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';

/** Settings of an environment's thread. */
export interface ThreadSettings {
  /** File of the bundle with the handler. */
  file: string;
  /** Name of the handler's export. */
  exportName: string;
  /** Part of a processor that the thread may use once the bundle is loaded, by a cgroup of its own in this directory. */
  processor?: { directory: string; share: number } | undefined;
  /** The parts of the handler's context that never change. */
  context: {
    functionName: string;
    functionVersion: string;
    invokedFunctionArn: string;
    memoryLimitInMB: string;
    logGroupName: string;
    logStreamName: string;
  };
}

/** Message to the thread. */
export interface InvocationMessage {
  requestId: string;
  /** The event as JSON. */
  event: string;
  /** When the invocation times out, in epoch milliseconds. */
  deadline: number;
}

/** Message from the thread: it is ready for invocations, or an invocation has ended. */
export type ThreadMessage =
  | { kind: 'ready' }
  /** `heapBytes`: heap of this environment after the invocation, garbage included. */
  | { kind: 'result'; requestId: string; payload: string | undefined; heapBytes: number }
  | { kind: 'error'; requestId: string; error: ErrorResponse };

/** Lambda's response to a failed invocation. */
export interface ErrorResponse {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

/** The function was invoked and failed: it threw, timed out, or its environment died. */
export class InvocationError extends Error {
  override readonly name = 'InvocationError';
  readonly response: ErrorResponse;

  constructor(functionName: string, response: ErrorResponse) {
    super(`${functionName}: ${response.errorType}: ${response.errorMessage}`);
    this.response = response;
  }
}

export interface EnvironmentSettings {
  thread: ThreadSettings;
  /** All environment variables. The variables of this process are not visible. */
  variables: Readonly<Record<string, string>>;
  memoryMegabytes: number;
  onLine(line: string): void;
}

/** How long loading a bundle may take. Lambda allows 10 seconds, but there each environment has its own processor. */
const INIT_DEADLINE_MS = 60_000;

let runtime: URL | undefined;

/** The thread's code, bundled without types: stripping types would load 10 MB into each thread and take a tenth of a second. */
function threadCode(): URL {
  const source = new URL('./environment-thread.ts', import.meta.url);
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(source)],
    bundle: true,
    format: 'esm',
    platform: 'node',
    // The AWS SDK is resolved from the directory of the source.
    define: { 'import.meta.url': JSON.stringify(source.href) },
    write: false,
  });
  return new URL(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`);
}

/** One execution environment: a worker thread with its own modules, variables, heap limit and output, for one event at a time. */
export class ExecutionEnvironment {
  readonly #worker: Worker;
  readonly #functionName: string;
  readonly #ready = Promise.withResolvers<void>();
  #running: PromiseWithResolvers<string | undefined> | undefined;
  #failure: InvocationError | undefined;
  #maxHeapBytes = 0;

  constructor({ thread, variables, memoryMegabytes, onLine }: EnvironmentSettings) {
    this.#functionName = thread.context.functionName;
    runtime ??= threadCode();
    this.#worker = new Worker(runtime, {
      argv: [],
      env: { ...variables },
      execArgv: [],
      name: this.#functionName.slice(0, 15),
      resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
      stdout: true,
      stderr: true,
      workerData: thread,
    });
    for (const input of [this.#worker.stdout, this.#worker.stderr])
      createInterface({ input }).on('line', onLine);
    this.#worker.on('message', (message: ThreadMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#fail(describeUncaught(error)));
    this.#worker.on('exit', (code) =>
      this.#fail({ errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with status ${code}` }),
    );
    this.#ready.promise.catch(() => undefined);
    const late = setTimeout(() => {
      const errorMessage = `The bundle was not loaded after ${INIT_DEADLINE_MS / 1000} seconds`;
      this.destroy({ errorType: 'Sandbox.Timedout', errorMessage });
    }, INIT_DEADLINE_MS);
    this.#ready.promise.then(
      () => clearTimeout(late),
      () => clearTimeout(late),
    );
  }

  /** Whether it can take further events. */
  get alive(): boolean {
    return this.#failure === undefined;
  }

  /** Largest heap at the end of an invocation, in bytes. */
  get maxHeapBytes(): number {
    return this.#maxHeapBytes;
  }

  /** @throws InvocationError when the bundle cannot be loaded. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * Runs the handler.
   *
   * @returns its result as JSON.
   * @throws InvocationError when it threw or the environment died.
   */
  async run(invocation: InvocationMessage): Promise<string | undefined> {
    if (this.#failure) throw this.#failure;
    this.#running = Promise.withResolvers();
    this.#worker.postMessage(invocation);
    return this.#running.promise;
  }

  /** Ends the environment at once. A running invocation fails with the reason. */
  destroy(reason: ErrorResponse): void {
    this.#fail(reason);
    void this.#worker.terminate();
  }

  /** Ends the environment and waits until its thread has exited. */
  async stop(): Promise<void> {
    this.#fail({ errorType: 'Runtime.ExitError', errorMessage: 'The local cloud stops' });
    await this.#worker.terminate();
  }

  #receive(message: ThreadMessage): void {
    if (message.kind === 'ready') this.#ready.resolve();
    else if (message.kind === 'result') {
      this.#maxHeapBytes = Math.max(this.#maxHeapBytes, message.heapBytes);
      this.#running?.resolve(message.payload);
    } else this.#running?.reject(new InvocationError(this.#functionName, message.error));
  }

  #fail(response: ErrorResponse): void {
    this.#failure ??= new InvocationError(this.#functionName, response);
    this.#ready.reject(this.#failure);
    this.#running?.reject(this.#failure);
  }
}

function describeUncaught(error: unknown): ErrorResponse {
  if (!(error instanceof Error)) return { errorType: 'Runtime.Unknown', errorMessage: String(error) };
  return { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] };
}
