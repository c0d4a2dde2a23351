import { setTimeout as sleep } from 'node:timers/promises';
import { readAssembly } from './assembly/read-assembly.ts';
import type { CloudServices, ProcessorQuotas } from './cloud-services.ts';
import { createResources } from './create-resources.ts';
import { startEmulators } from './emulators/emulators.ts';
import type { SentMessage } from './emulators/sqs-server.ts';
import type { EventSourceStatistics } from './event-sources/event-source.ts';
import { ExistingItems, type Items } from './existing-items.ts';
import type { FunctionStatistics, LambdaFunction } from './lambda/lambda-function.ts';
import { Overrides } from './overrides.ts';
import type { Execution } from './state-machines/execution.ts';
import type { StateMachineStatistics } from './state-machines/state-machine.ts';

export interface LocalCloudOptions {
  /** Directory of the synthesized assembly: it holds manifest.json. */
  assembly: string;
  /** Name of the stack; may be left out when there is one. */
  stack?: string;
  /** Values for secrets of the template, by logical id or name. */
  secrets?: Readonly<Record<string, string>>;
  /** Values that take the place of those in the template, for environment variables of its functions. */
  variables?: Readonly<Record<string, string>>;
  /**
   * Items that a table has before the stack, by the beginning of its logical id, which no other table's may have. Its stream is
   * enabled after them, so they are in no stream: as when a stack is deployed onto a table in use.
   */
  existingItems?: Readonly<Record<string, Items>>;
  /**
   * How long a received message is hidden, in seconds, in place of the template's: for a run that cannot wait so long for what a
   * killed environment held. It has to be longer than any invocation lasts, or a message is worked on by two at once.
   */
  visibilityTimeoutSeconds?: number;
  /** Environment variables with which functions find the cloud, made from its own: to put something in between. */
  functionEnvironment?: (environment: Readonly<Record<string, string>>) => Promise<Record<string, string>>;
  /**
   * Gives each environment the part of a processor that Lambda gives with its memory, by cgroups (Linux, as root).
   * `directory`: of version 1's cpu controller. `memoryMegabytes`: in place of the template's, by the beginning of a logical id.
   */
  processorQuotas?: ProcessorQuotas;
  /** Times this, `Wait` states of state machines last: for a system whose speed is scaled. 1 by default. */
  waitScale?: number;
  /** Told each line that a function writes, and each error of an invocation. */
  log?: (entry: { functionName: string; line: string }) => void;
  /** Told each message that enters a queue. */
  onMessage?: (sent: SentMessage) => void;
}

export interface LocalCloudStatistics {
  /** By function name. */
  functions: Record<string, FunctionStatistics>;
  /** By logical id of the event source mapping. */
  eventSources: Record<string, EventSourceStatistics>;
  /** By name of the state machine. */
  stateMachines: Record<string, StateMachineStatistics>;
}

const IDLE_POLL_MS = 50;

/**
 * Runs a synthesized stack on this machine: its bundles, event sources, filters, queues, tables and secrets, as the
 * template describes them.
 *
 * @throws TemplateError on what the local cloud cannot do, naming the resource; when Java is missing, with the way out.
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const stack = readAssembly(options.assembly, options.stack);
  let cloud: LocalCloud | undefined;
  const died = (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    cloud?.fail(error);
  };
  const emulators = await startEmulators(stack.region, died, options.onMessage);
  const overrides = new Overrides(options.secrets ?? {}, options.variables ?? {});
  const existingItems = new ExistingItems(options.existingItems ?? {});
  const { visibilityTimeoutSeconds, functionEnvironment } = options;
  const services: CloudServices = {
    ...emulators,
    visibilityTimeoutSeconds,
    processorQuotas: options.processorQuotas,
    functionEnvironment: (await functionEnvironment?.(emulators.environment)) ?? emulators.environment,
    region: stack.region,
    assets: stack.assets,
    overrides,
    existingItems,
    waitScale: options.waitScale ?? 1,
    log: options.log ?? (() => undefined),
    queues: new Map(),
    streamArns: new Set(),
    functions: new Map(),
    eventSources: new Map(),
  };
  cloud = new LocalCloud(services, emulators.stop);
  try {
    cloud.outputs = await createResources(stack, services);
    overrides.requireAllUsed();
    existingItems.requireAllUsed();
    cloud.resumeEventSources();
    return cloud;
  } catch (error) {
    await cloud.stop();
    throw error;
  }
}

/** A stack that runs on this machine. It stops when the process ends, too. */
export class LocalCloud {
  /** The stack's outputs. */
  outputs: Readonly<Record<string, string>> = {};
  /** Environment variables with which an SDK client in any process finds this cloud. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #services: CloudServices;
  readonly #stopEmulators: () => Promise<void>;
  #failure: Error | undefined;
  #stopped: Promise<void> | undefined;

  constructor(services: CloudServices, stopEmulators: () => Promise<void>) {
    this.environment = services.environment;
    this.#services = services;
    this.#stopEmulators = stopEmulators;
  }

  /** Options of an SDK client of a service of this cloud. */
  sdk(service: 'DYNAMODB' | 'SECRETS_MANAGER' | 'SFN' | 'SQS') {
    const variable = (name: string) => this.environment[name] ?? '';
    return {
      endpoint: variable(`AWS_ENDPOINT_URL_${service}`),
      region: variable('AWS_REGION'),
      credentials: {
        accessKeyId: variable('AWS_ACCESS_KEY_ID'),
        secretAccessKey: variable('AWS_SECRET_ACCESS_KEY'),
      },
    };
  }

  /**
   * Invokes a function, by its name or logical id, and waits for what it returns.
   *
   * @throws ThrottledError, InvocationError.
   */
  async invoke(functionName: string, event: unknown): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    return this.#function(functionName).invoke(event);
  }

  /** Values of all versions of a secret, by its name or ARN. */
  secretValues(secretId: string): string[] {
    return this.#services.secrets.find(secretId)?.versions.flatMap(({ value }) => value ?? []) ?? [];
  }

  /**
   * Rotates a secret, by its name or ARN, and waits for the end.
   *
   * @throws what its function throws, and when it has none.
   */
  async rotate(secretId: string): Promise<void> {
    const secret = this.#services.secrets.find(secretId);
    if (!secret) throw new Error(`No secret ${secretId}`);
    await this.#services.secrets.rotate(secret);
  }

  /**
   * Whether no function is at work and no event source has anything left. Neither dead-letter queues count nor executions of
   * state machines, which may wait for days.
   *
   * @throws when an emulator has died.
   */
  async idle(): Promise<boolean> {
    if (this.#failure) throw this.#failure;
    const invocations = () => this.#functions().reduce((sum, each) => sum + each.statistics.invocations, 0);
    const busy = () => this.#functions().some((each) => each.busy > 0);
    const before = invocations();
    if (busy()) return false;
    const idle = await Promise.all(this.#sources().map((each) => each.idle()));
    return idle.every(Boolean) && !busy() && invocations() === before;
  }

  /** Waits until {@link idle}. @throws when it is not within the time, in milliseconds. */
  async untilIdle(withinMs: number): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(await this.idle())) {
      if (Date.now() > deadline)
        throw new Error(`Not idle after ${withinMs} ms: ${JSON.stringify(this.statistics())}`);
      await sleep(IDLE_POLL_MS);
    }
  }

  statistics(): LocalCloudStatistics {
    const sources = [...this.#services.eventSources];
    return {
      functions: Object.fromEntries(this.#functions().map((each) => [each.name, each.statistics])),
      eventSources: Object.fromEntries(sources.map(([id, each]) => [id, { ...each.statistics }])),
      stateMachines: Object.fromEntries(
        this.#stateMachines().map(({ settings, statistics }) => [settings.name, statistics]),
      ),
    };
  }

  /** Executions of all state machines so far. */
  executions(): Execution[] {
    return this.#stateMachines().flatMap(({ executions }) => [...executions.values()]);
  }

  /** Kills one busy execution environment of a function. @returns whether there was one. */
  killEnvironment(functionName: string): boolean {
    return this.#function(functionName).killBusyEnvironment();
  }

  /** Stops reading queues and streams; invocations that run go on. */
  async pauseEventSources(): Promise<void> {
    await Promise.all(this.#sources().map((each) => each.pause()));
  }

  resumeEventSources(): void {
    for (const source of this.#sources()) source.start();
  }

  /** Makes what waits for the cloud fail. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  /** Stops all that was started; invocations that run fail. */
  stop(): Promise<void> {
    for (const each of this.#stateMachines()) each.shutDown();
    this.#stopped ??= Promise.all([...this.#sources(), ...this.#functions()].map((each) => each.stop())).then(
      this.#stopEmulators,
    );
    return this.#stopped;
  }

  #functions(): LambdaFunction[] {
    return [...this.#services.functions.values()];
  }

  #sources() {
    return [...this.#services.eventSources.values()];
  }

  #stateMachines() {
    return [...this.#services.stateMachines.values()];
  }

  #function(name: string): LambdaFunction {
    const found = this.#services.functions.get(name) ?? this.#functions().find((each) => each.name === name);
    if (found) return found;
    const names = this.#functions().map((each) => each.name);
    throw new Error(`No function ${name}. There are: ${names.join(', ')}`);
  }
}
