import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import { FAKE_CREDENTIALS } from './account.ts';
import type { DynamoDbLocal } from './emulators/dynamodb-local.ts';
import { type EventBridge, startEventBridge } from './emulators/event-bridge.ts';
import { type Lambda, startLambda } from './emulators/lambda.ts';
import { type SecretStore, startSecretsManager } from './emulators/secrets-manager.ts';
import { type SentMessage, startSqsServer } from './emulators/sqs.ts';
import { type StepFunctions, startStepFunctions } from './state-machines/step-functions.ts';

/** The services that functions call, each on a free port of 127.0.0.1. */
export interface Emulators {
  dynamodb: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  sqs: SQSClient;
  secrets: SecretStore;
  /** Rules of each event bus, by its ARN. */
  buses: EventBridge['buses'];
  /** Event source mappings, by UUID. */
  mappings: Lambda['mappings'];
  /** Whether all events were delivered. */
  areEventsDelivered: EventBridge['idle'];
  /** By ARN. */
  stateMachines: StepFunctions['machines'];
  /** Environment variables with which an SDK client in any process finds them. */
  environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Share of short polls that return nothing although there are messages, as on SQS. Code that relies on a short poll fails here. */
const EMPTY_SHORT_POLLS = 0.3;

/**
 * Starts all emulators but DynamoDB Local, and connects clients to all of them.
 *
 * @param onMessage called with each message that enters a queue.
 */
export async function startEmulators(
  region: string,
  dynamodbLocal: DynamoDbLocal,
  onMessage?: (sent: SentMessage) => void,
): Promise<Emulators> {
  const [sqsServer, secretsManager, stepFunctions, eventBridge, lambda] = await Promise.all([
    startSqsServer(region, onMessage, () => Math.random() < EMPTY_SHORT_POLLS),
    startSecretsManager(),
    startStepFunctions(),
    startEventBridge(),
    startLambda(),
  ]);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = FAKE_CREDENTIALS;
  const client = { region, credentials: { accessKeyId, secretAccessKey } };
  const dynamodb = new DynamoDBClient({ ...client, endpoint: dynamodbLocal.endpoint });
  const streams = new DynamoDBStreamsClient({ ...client, endpoint: dynamodbLocal.endpoint });
  const sqs = new SQSClient({ ...client, endpoint: sqsServer.endpoint });
  return {
    dynamodb,
    streams,
    sqs,
    secrets: secretsManager.store,
    buses: eventBridge.buses,
    mappings: lambda.mappings,
    areEventsDelivered: eventBridge.idle,
    stateMachines: stepFunctions.machines,
    environment: {
      ...FAKE_CREDENTIALS,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodbLocal.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB_STREAMS: dynamodbLocal.endpoint,
      AWS_ENDPOINT_URL_SQS: sqsServer.endpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.endpoint,
      AWS_ENDPOINT_URL_SFN: stepFunctions.endpoint,
      AWS_ENDPOINT_URL_EVENTBRIDGE: eventBridge.endpoint,
      AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint,
    },
    async stop() {
      await stepFunctions.stop();
      for (const each of [dynamodb, streams, sqs]) each.destroy();
      await Promise.all(
        [dynamodbLocal, sqsServer, secretsManager, eventBridge, lambda].map((each) => each.stop()),
      );
    },
  };
}
