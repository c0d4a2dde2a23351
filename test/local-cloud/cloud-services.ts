import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { EventBridge } from './emulators/event-bridge.ts';
import type { Lambda } from './emulators/lambda.ts';
import type { SecretStore } from './emulators/secrets-manager.ts';
import type { EventSource } from './event-sources/event-source.ts';
import type { LambdaFunction } from './lambda/lambda-function.ts';
import type { ExistingItems } from './overrides.ts';
import type { LocalStateMachine } from './state-machines/state-machine.ts';

/** A queue, for event sources and failure destinations. */
export interface QueueDescription {
  url: string;
  arn: string;
  fifo: boolean;
  visibilityTimeoutSeconds: number;
}

/** See `LocalCloudOptions`. */
export interface ProcessorQuotas {
  directory: string;
  memoryMegabytes?: Readonly<Record<string, number>>;
}

/** Services that resources are created with, and registries of created resources for later ones. */
export interface CloudServices {
  region: string;
  dynamodb: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  sqs: SQSClient;
  secrets: SecretStore;
  /** Rules of each event bus, by its ARN. */
  buses: EventBridge['buses'];
  /** Event source mappings, by UUID. */
  mappings: Lambda['mappings'];
  /** By ARN. */
  stateMachines: Map<string, LocalStateMachine>;
  /** Factor of the duration of `Wait` states. */
  waitScale: number;
  existingItems: Pick<ExistingItems, 'of'>;
  /** Directories of the bundles, by S3 key. */
  assets: ReadonlyMap<string, string>;
  /** Environment variables with which an SDK client finds this cloud. */
  environment: Readonly<Record<string, string>>;
  /** The same for the functions of the stack, which may use a proxy. */
  functionEnvironment: Readonly<Record<string, string>>;
  /** Visibility timeout of all queues, in seconds, instead of the template's. */
  visibilityTimeoutSeconds: number | undefined;
  processorQuotas: ProcessorQuotas | undefined;
  /** Values that replace the template's: of secrets (by logical id or name) and of function variables (by name). */
  overrides: { secret(...keys: string[]): string | undefined; variable(name: string): string | undefined };
  log(entry: { functionName: string; line: string }): void;
  /** By ARN. */
  queues: Map<string, QueueDescription>;
  /** ARNs of the streams of the template's tables. */
  streamArns: Set<string>;
  /** By logical id. */
  functions: Map<string, LambdaFunction>;
  /** By logical id. */
  eventSources: Map<string, EventSource>;
}
