import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SecretStore } from './emulators/secret-store.ts';
import type { EventSource } from './event-sources/event-source.ts';
import type { ExistingItems } from './existing-items.ts';
import type { LambdaFunction } from './lambda/lambda-function.ts';
import type { LocalStateMachine } from './state-machines/state-machine.ts';

/** A queue as an event source or a failure destination needs to know it. */
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

/** What resources are made of, and where they leave what others look up. */
export interface CloudServices {
  region: string;
  dynamodb: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  sqs: SQSClient;
  secrets: SecretStore;
  /** By ARN. */
  stateMachines: Map<string, LocalStateMachine>;
  /** Times this, `Wait` states of state machines last. */
  waitScale: number;
  existingItems: Pick<ExistingItems, 'of'>;
  /** Directories of the bundles, by S3 key. */
  assets: ReadonlyMap<string, string>;
  /** Environment variables that an SDK client needs to find this cloud. */
  environment: Readonly<Record<string, string>>;
  /** The same, for the functions of the stack. */
  functionEnvironment: Readonly<Record<string, string>>;
  /** How long a received message is hidden, in seconds, in place of what the template says. */
  visibilityTimeoutSeconds: number | undefined;
  processorQuotas: ProcessorQuotas | undefined;
  /** Values that take the place of the template's for secrets (by logical id or name) and function variables (by name). */
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
