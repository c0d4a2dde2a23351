import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import type { InvocationMessage, ThreadMessage, ThreadSettings } from './environment-protocol.ts';
import { type ErrorResponse, InvocationError } from './invocation-error.ts';

export interface EnvironmentSettings {
  thread: ThreadSettings;
  /** All environment variables; nothing of this process's own is seen. */
  variables: Readonly<Record<string, string>>;
  memoryMegabytes: number;
  onLine(line: string): void;
}

/** How long loading a bundle may take; Lambda allows 10 seconds, on processors of its own. */
const INIT_DEADLINE_MS = 60_000;

let runtime: URL | undefined;

/** The thread's code in one piece and without its types: to take them off, Node would load 10 MB into each thread, for a tenth of a second. */
function threadCode(): URL {
  const source = new URL('./environment-thread.ts', import.meta.url);
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(source)],
    bundle: true,
    format: 'esm',
    platform: 'node',
    // It finds the AWS SDK from where it lies.
    define: { 'import.meta.url': JSON.stringify(source.href) },
    write: false,
  });
  return new URL(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`);
}

/** One execution environment: a thread with its own modules, variables, heap limit and output, for one event at a time. */
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
    this.#worker.on('error', (error) => this.#fail(uncaught(error)));
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
   * @returns what it returned, as JSON.
   * @throws InvocationError when it threw or the environment died.
   */
  async run(invocation: InvocationMessage): Promise<string | undefined> {
    if (this.#failure) throw this.#failure;
    this.#running = Promise.withResolvers();
    this.#worker.postMessage(invocation);
    return this.#running.promise;
  }

  /** Ends the environment at once; what it runs fails with the reason. */
  destroy(reason: ErrorResponse): void {
    this.#fail(reason);
    void this.#worker.terminate();
  }

  /** Ends the environment and waits until it is gone. */
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

function uncaught(error: unknown): ErrorResponse {
  if (!(error instanceof Error)) return { errorType: 'Runtime.Unknown', errorMessage: String(error) };
  return { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] };
}
