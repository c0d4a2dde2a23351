import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import { FAKE_CREDENTIALS } from '../account.ts';
import { startDynamoDbLocal } from './dynamodb-local.ts';
import type { SecretStore } from './secret-store.ts';
import { startSecretsManager } from './secrets-manager.ts';
import { type SentMessage, startSqsServer } from './sqs-server.ts';
import { type StepFunctions, startStepFunctions } from './step-functions.ts';

/** The services of the cloud that functions call, each on a free port of 127.0.0.1. */
export interface Emulators {
  dynamodb: DynamoDBClient;
  streams: DynamoDBStreamsClient;
  sqs: SQSClient;
  secrets: SecretStore;
  /** By ARN. */
  stateMachines: StepFunctions['machines'];
  /** Environment variables with which an SDK client in any process finds them. */
  environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Part of the short polls that come back empty, as any may on SQS: code that takes one for an empty queue has to fail here. */
const EMPTY_SHORT_POLLS = 0.3;

/**
 * Starts all emulators and waits until they answer.
 *
 * @param onDeath told when one ends without being asked to.
 * @param onMessage told of every message that enters a queue.
 * @throws when Java is missing, with the way out.
 */
export async function startEmulators(
  region: string,
  onDeath: (error: Error) => void,
  onMessage?: (sent: SentMessage) => void,
): Promise<Emulators> {
  const dynamodbLocal = await startDynamoDbLocal(onDeath);
  const sqsServer = await startSqsServer(region, onMessage, () => Math.random() < EMPTY_SHORT_POLLS);
  const secretsManager = await startSecretsManager();
  const stepFunctions = await startStepFunctions();
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
    },
    async stop() {
      await stepFunctions.stop();
      for (const each of [dynamodb, streams, sqs]) each.destroy();
      await Promise.all([dynamodbLocal.stop(), sqsServer.stop(), secretsManager.stop()]);
    },
  };
}
