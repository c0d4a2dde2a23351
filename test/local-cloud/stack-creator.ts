import { rmSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import { parseTemplate } from './assembly/template.ts';
import type { CloudServices } from './cloud-services.ts';
import { createResources } from './create-resources.ts';
import { SecretStore } from './emulators/secret-store.ts';
import { startSqsServer } from './emulators/sqs-server.ts';
import { ExistingItems } from './existing-items.ts';
import { Overrides } from './overrides.ts';
import { temporaryDirectory, writeBundle } from './write-bundle.ts';

/** Creates the resources of templates over a queue server of its own. Each function answers with its variables. */
export async function startStackCreator() {
  const directory = temporaryDirectory();
  writeBundle(directory, 'export const handler = async () => process.env;');
  const server = await startSqsServer('us-east-1');
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const sqs = new SQSClient({ region: 'us-east-1', endpoint: server.endpoint, credentials });
  let stacks = 0;
  const create = async (
    template: { Resources: Record<string, unknown>; Outputs?: unknown },
    overrides = new Overrides({}, {}),
    functionEnvironment: Record<string, string> = {},
    visibilityTimeoutSeconds?: number,
  ) => {
    const services: CloudServices = {
      region: 'us-east-1',
      dynamodb: new DynamoDBClient({}),
      streams: new DynamoDBStreamsClient({}),
      sqs,
      secrets: new SecretStore(),
      assets: new Map([['code.zip', directory]]),
      environment: { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_SQS: server.endpoint },
      overrides,
      log: () => undefined,
      queues: new Map(),
      streamArns: new Set(),
      functions: new Map(),
      eventSources: new Map(),
      stateMachines: new Map(),
      existingItems: new ExistingItems({}),
      waitScale: 1,
      processorQuotas: undefined,
      functionEnvironment: { AWS_ENDPOINT_URL_SQS: server.endpoint, ...functionEnvironment },
      visibilityTimeoutSeconds,
    };
    const stack = {
      name: `stack${stacks++}`,
      region: 'us-east-1',
      assets: services.assets,
      template: parseTemplate(template),
    };
    const outputs = await createResources(stack, services);
    return { services, outputs, stackName: stack.name };
  };
  return {
    endpoint: server.endpoint,
    create,
    async stop() {
      sqs.destroy();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
