import { setTimeout as sleep } from 'node:timers/promises';
import type { CloudServices, ProcessorQuotas } from './cloud-services.ts';
import { createResources } from './create-resources.ts';
import { type DynamoDbLocal, startDynamoDbLocal } from './emulators/dynamodb-local.ts';
import type { SentMessage } from './emulators/sqs.ts';
import { startEmulators } from './emulators.ts';
import type { EventSourceStatistics } from './event-sources/event-source.ts';
import type { FunctionStatistics, LambdaFunction } from './lambda/lambda-function.ts';
import { ExistingItems, type Items, Overrides } from './overrides.ts';
import type { Execution } from './state-machines/execution.ts';
import type { StateMachineStatistics } from './state-machines/state-machine.ts';
import { readAssembly } from './template.ts';

export interface LocalCloudOptions {
  /** Directory of the synthesized assembly, with manifest.json. While it is being synthesized, DynamoDB Local starts. */
  assembly: string | Promise<string>;
  /** A DynamoDB Local that the caller is starting. The cloud stops it. Default: the cloud starts its own. */
  dynamodbLocal?: Promise<DynamoDbLocal>;
  /** Values of secrets of the template, by logical id or name. */
  secrets?: Readonly<Record<string, string>>;
  /** Environment variables of the functions that replace the template's. */
  variables?: Readonly<Record<string, string>>;
  /**
   * Items that a table contains before the stack is deployed, by the prefix of its logical id. Its stream is enabled after
   * they are written, so it does not contain them, as when a stack is deployed onto a table in use.
   */
  existingItems?: Readonly<Record<string, Items>>;
  /**
   * Visibility timeout of all queues in seconds, instead of the template's, so that messages of a killed environment return sooner. It must
   * be longer than any invocation, or a message is processed twice at the same time.
   */
  visibilityTimeoutSeconds?: number;
  /** Changes the environment variables with which functions find the cloud, for example to put a proxy in between. */
  functionEnvironment?: (environment: Readonly<Record<string, string>>) => Promise<Record<string, string>>;
  /**
   * Gives each environment the part of a processor that Lambda gives with its memory, by cgroups (Linux, as root).
   * `directory`: of the cpu controller of version 1. `memoryMegabytes`: instead of the template's, by prefix of the logical id.
   */
  processorQuotas?: ProcessorQuotas;
  /** Factor of the duration of `Wait` states, for a system with scaled speed. Default: 1. */
  waitScale?: number;
  /** Called with each line that a function writes, and each error of an invocation. */
  log?: (entry: { functionName: string; line: string }) => void;
  /** Called with each message that enters a queue. */
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
 * Runs a synthesized stack on this machine: its functions, event sources, filters, queues, tables, secrets and state
 * machines, as the template describes them.
 *
 * @throws TemplateError on an unsupported feature, with the name of the resource; Error when Java is missing, which says how to install it.
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  // The JVM takes longest to start, so it starts before the assembly is there.
  const [dynamodbLocal, stack] = await bothOrNeither(
    options.dynamodbLocal ?? startDynamoDbLocal(),
    Promise.resolve(options.assembly).then((directory) => readAssembly(directory)),
  );
  const emulators = await startEmulators(stack.region, dynamodbLocal, options.onMessage);
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
  const cloud = new LocalCloud(services, emulators.areEventsDelivered, emulators.stop);
  void dynamodbLocal.died.then((error) => {
    process.stderr.write(`${error.message}\n`);
    cloud.fail(error);
  });
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

/** Waits for both. When one fails, stops the service and throws. */
async function bothOrNeither<Service extends { stop(): Promise<void> }, Other>(
  starting: Promise<Service>,
  other: Promise<Other>,
): Promise<[Service, Other]> {
  const [service, result] = await Promise.allSettled([starting, other]);
  if (service.status === 'rejected') throw service.reason;
  if (result.status === 'fulfilled') return [service.value, result.value];
  await service.value.stop();
  throw result.reason;
}

/** A stack that runs on this machine. It also stops when the process exits. */
export class LocalCloud {
  /** Outputs of the stack. */
  outputs: Readonly<Record<string, string>> = {};
  /** Environment variables with which an SDK client in any process finds this cloud. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #services: CloudServices;
  readonly #areEventsDelivered: () => boolean;
  readonly #stopEmulators: () => Promise<void>;
  #failure: Error | undefined;
  #stopped: Promise<void> | undefined;

  constructor(
    services: CloudServices,
    areEventsDelivered: () => boolean,
    stopEmulators: () => Promise<void>,
  ) {
    this.environment = services.environment;
    this.#services = services;
    this.#areEventsDelivered = areEventsDelivered;
    this.#stopEmulators = stopEmulators;
  }

  /** Options of an SDK client for a service of this cloud. */
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
   * Invokes a function, by name or logical id, and waits for its result.
   *
   * @throws ThrottledError, InvocationError.
   */
  async invoke(functionName: string, event: unknown): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    return this.#function(functionName).invoke(event);
  }

  /** Values of all versions of a secret, by name or ARN. */
  secretValues(secretId: string): string[] {
    return this.#services.secrets.find(secretId)?.versions.flatMap(({ value }) => value ?? []) ?? [];
  }

  /**
   * Rotates a secret, by name or ARN, and waits until the rotation has ended.
   *
   * @throws the error of its function; Error when it has no rotation.
   */
  async rotate(secretId: string): Promise<void> {
    const secret = this.#services.secrets.find(secretId);
    if (!secret) throw new Error(`No secret ${secretId}`);
    await this.#services.secrets.rotate(secret);
  }

  /**
   * Whether no invocation runs, all events are delivered, and no event source has anything left to do. Ignores dead-letter queues, and
   * executions of state machines, which may wait for days.
   *
   * @throws Error when an emulator has died.
   */
  async idle(): Promise<boolean> {
    if (this.#failure) throw this.#failure;
    const invocations = () => this.#functions().reduce((sum, each) => sum + each.statistics.invocations, 0);
    const busy = () => this.#functions().some((each) => each.busy > 0);
    const before = invocations();
    if (busy() || !this.#areEventsDelivered()) return false;
    const idle = await Promise.all(this.#sources().map((each) => each.idle()));
    return idle.every(Boolean) && !busy() && invocations() === before;
  }

  /** Waits until {@link idle}. @throws Error when it is not idle after this many milliseconds. */
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

  /** Kills one busy execution environment of a function. @returns whether one was busy. */
  killEnvironment(functionName: string): boolean {
    return this.#function(functionName).killBusyEnvironment();
  }

  /** Deploys the functions with other environment variables: see {@link LambdaFunction.deploy}. */
  async deploy(variables: Readonly<Record<string, string>>): Promise<void> {
    await Promise.all(this.#functions().map((each) => each.deploy(variables)));
  }

  /** Stops reading queues and streams; running invocations continue. */
  async pauseEventSources(): Promise<void> {
    await Promise.all(this.#sources().map((each) => each.pause()));
  }

  resumeEventSources(): void {
    for (const source of this.#sources()) source.start();
  }

  /** Makes later calls fail with this error. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  /** Stops everything; running invocations fail. */
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
