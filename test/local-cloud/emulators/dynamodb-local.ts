import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { createServer } from 'node:net';
import { constants, setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DynamoDbLocal {
  endpoint: string;
  /** Its process. */
  pid: number | undefined;
  /** Resolves when the process ends unexpectedly, with its last output. */
  died: Promise<Error>;
  stop(): Promise<void>;
}

const STARTUP_DEADLINE_MS = 60_000;
const READINESS_POLL_MS = 50;
/** Another process may take the port between its choice and its use. */
const ATTEMPTS = 3;
const LAST_OUTPUT_CHARACTERS = 4000;

const EMULATOR_PACKAGE = 'amplify-dynamodb-simulator';
const NO_JAVA = [
  'DynamoDB Local needs Java 17 or newer, and no java was found in JAVA_HOME or on the PATH.',
  'Debian, Ubuntu: apt-get install default-jre-headless. macOS: brew install openjdk@17. Or set JAVA_HOME.',
].join('\n');

/**
 * Starts DynamoDB Local (tables and streams, in memory) on a free port and waits until it answers.
 *
 * @throws Error when Java or the jar is missing (with a hint how to install it), or when it does not answer within a minute.
 */
export async function startDynamoDbLocal(): Promise<DynamoDbLocal> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const emulator = new EmulatorProcess(port);
    const endpoint = `http://127.0.0.1:${port}`;
    try {
      await Promise.race([emulator.death, answers(endpoint)]);
    } catch (error) {
      await emulator.stop();
      if (!(error instanceof EmulatorEndedError && error.isPortTaken && attempt < ATTEMPTS)) throw error;
      continue;
    }
    const died = emulator.death.catch((error: Error) => error);
    // In AWS, tables have processors of their own. Here, functions go first, so that their requests keep their pace.
    if (emulator.pid !== undefined) setPriority(emulator.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    return { endpoint, pid: emulator.pid, died, stop: () => emulator.stop() };
  }
}

/** DynamoDB Local ended unexpectedly. */
class EmulatorEndedError extends Error {
  override name = 'EmulatorEndedError';
  /** Another process took the port. Only Java's message shows it. */
  readonly isPortTaken: boolean;

  constructor(exit: NodeJS.Signals | number | null, output: string) {
    super(`DynamoDB Local ended (${exit}). Its last output:\n${output}`);
    this.isPortTaken = /Address already in use/i.test(output);
  }
}

class EmulatorProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #forget: () => void;
  #output = '';
  #stopping = false;
  /** Rejects when the process ends unexpectedly. Never resolves. */
  readonly death: Promise<never>;

  constructor(port: number) {
    const { JAVA_HOME } = process.env;
    const directory = emulatorDirectory();
    const flags = [
      '-Xms64m',
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Djava.library.path=DynamoDBLocal_lib',
    ];
    const options = ['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)];
    this.#child = spawn(
      JAVA_HOME ? join(JAVA_HOME, 'bin', 'java') : 'java',
      [...flags, '-jar', 'DynamoDBLocal.jar', ...options],
      // In a process group of its own: Ctrl-C in a terminal reaches this process alone.
      { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    this.#forget = killOnExit(this.#child);
    const ended = Promise.withResolvers<void>();
    this.#exited = ended.promise;
    const death = Promise.withResolvers<never>();
    this.death = death.promise;
    death.promise.catch(() => ended.resolve());
    const keep = (chunk: Buffer) => {
      this.#output = `${this.#output}${chunk}`.slice(-LAST_OUTPUT_CHARACTERS);
    };
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
    this.#child.once('error', (error) =>
      death.reject('code' in error && error.code === 'ENOENT' ? new Error(NO_JAVA, { cause: error }) : error),
    );
    this.#child.once('close', (code, signal) => {
      ended.resolve();
      this.#forget();
      if (this.#stopping) return;
      death.reject(new EmulatorEndedError(signal ?? code, this.#output));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

function emulatorDirectory(): string {
  const manifest = findPackageJSON(EMULATOR_PACKAGE, import.meta.url);
  const directory = manifest && join(dirname(manifest), 'emulator');
  if (directory && existsSync(join(directory, 'DynamoDBLocal.jar'))) return directory;
  throw new Error(`The jar of DynamoDB Local is missing (package ${EMULATOR_PACKAGE}). Run npm ci.`);
}

async function answers(endpoint: string): Promise<void> {
  const deadline = Date.now() + STARTUP_DEADLINE_MS;
  while (Date.now() < deadline) {
    const answered = await fetch(endpoint, { signal: AbortSignal.timeout(STARTUP_DEADLINE_MS) }).then(
      (response) => response.body?.cancel().then(() => true) ?? true,
      () => false,
    );
    if (answered) return;
    await sleep(READINESS_POLL_MS);
  }
  throw new Error(`DynamoDB Local did not answer within ${STARTUP_DEADLINE_MS / 1000} seconds.`);
}

/** A free TCP port of 127.0.0.1, for servers that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('No free port on 127.0.0.1.');
  return address.port;
}

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
const running = new Set<ChildProcess>();

const killAll = () => {
  for (const child of running) child.kill('SIGKILL');
};

/** Kills all and ends this process, unless something else handles the signal: that may still need them, and stops them. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  killAll();
  process.removeListener(signal, onSignal);
  process.kill(process.pid, signal);
}

/**
 * Kills a child process when this process exits, also by a signal. Otherwise the child would run forever.
 *
 * @returns to be called when the child has exited.
 */
function killOnExit(child: ChildProcess): () => void {
  if (running.size === 0) {
    process.once('exit', killAll);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  running.add(child);
  return () => {
    running.delete(child);
    if (running.size > 0) return;
    process.removeListener('exit', killAll);
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
}
