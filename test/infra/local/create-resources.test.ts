import { rmSync } from 'node:fs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseTemplate } from '../../../infra/local/assembly/template.ts';
import type { CloudServices } from '../../../infra/local/cloud-services.ts';
import { createResources } from '../../../infra/local/create-resources.ts';
import { SecretStore } from '../../../infra/local/emulators/secret-store.ts';
import { type SqsServer, startSqsServer } from '../../../infra/local/emulators/sqs-server.ts';
import { ExistingItems } from '../../../infra/local/existing-items.ts';
import { Overrides } from '../../../infra/local/overrides.ts';
import { temporaryDirectory, writeBundle } from './write-bundle.ts';

const directory = temporaryDirectory();
let server: SqsServer;
let sqs: SQSClient;

beforeAll(async () => {
  writeBundle(directory, 'export const handler = async () => process.env;');
  server = await startSqsServer('us-east-1');
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sqs = new SQSClient({ region: 'us-east-1', endpoint: server.endpoint, credentials });
});
afterAll(async () => {
  sqs.destroy();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

let stacks = 0;
async function create(
  template: { Resources: Record<string, unknown>; Outputs?: unknown },
  overrides = new Overrides({}, {}),
  functionEnvironment: Record<string, string> = {},
) {
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
    functionEnvironment: { AWS_ENDPOINT_URL_SQS: server.endpoint, ...functionEnvironment },
    visibilityTimeoutSeconds: undefined,
  };
  const stack = {
    name: `stack${stacks++}`,
    region: 'us-east-1',
    assets: services.assets,
    template: parseTemplate(template),
  };
  const outputs = await createResources(stack, services);
  return { services, outputs, stackName: stack.name };
}

const lambda = (properties: Record<string, unknown> = {}) => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: 'assets', S3Key: 'code.zip' },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
    ...properties,
  },
});
const Role = { Type: 'AWS::IAM::Role', Properties: { whatever: true } };
const stateMachine = (definition: unknown) => ({
  Type: 'AWS::StepFunctions::StateMachine',
  Properties: { DefinitionString: JSON.stringify(definition), RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] } },
});
const invoke = (FunctionName: string, properties = {}) => ({
  StartAt: 'Go',
  States: {
    Go: {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Parameters: { FunctionName },
      End: true,
      ...properties,
    },
  },
});
const schedule = (Arn: unknown, properties = {}) => ({
  Type: 'AWS::Scheduler::Schedule',
  Properties: {
    ScheduleExpression: 'rate(1 day)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: { Arn, RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] }, Input: '{"mode":"refresh"}' },
    ...properties,
  },
});
const queue = (Properties: Record<string, unknown> = {}) => ({ Type: 'AWS::SQS::Queue', Properties });
const mapping = (Properties: Record<string, unknown>) => ({
  Type: 'AWS::Lambda::EventSourceMapping',
  Properties,
});

describe('createResources', () => {
  it('creates what is referred to first, and resolves the outputs', async () => {
    const { outputs, services, stackName } = await create({
      Resources: {
        Mapping: mapping({
          FunctionName: { Ref: 'Function' },
          EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
        }),
        Function: lambda({ Environment: { Variables: { QUEUE_URL: { Ref: 'Queue' } } } }),
        Queue: queue({ FifoQueue: true, SqsManagedSseEnabled: true }),
        Role,
      },
      Outputs: { QueueUrl: { Value: { Ref: 'Queue' } }, FunctionName: { Value: { Ref: 'Function' } } },
    });
    const queueUrl = `${server.endpoint}/000000000000/${stackName}-Queue.fifo`;
    expect(outputs).toEqual({ QueueUrl: queueUrl, FunctionName: `${stackName}-Function` });
    expect([...services.eventSources.keys()]).toEqual(['Mapping']);
    const probe = services.functions.get('Function');
    expect(await probe?.invoke({})).toMatchObject({
      QUEUE_URL: queueUrl,
      AWS_LAMBDA_FUNCTION_NAME: `${stackName}-Function`,
    });
    await probe?.stop();
  });

  it('takes a key and its alias, by which others are encrypted', async () => {
    const { outputs, stackName } = await create({
      Resources: {
        Key: { Type: 'AWS::KMS::Key', Properties: { EnableKeyRotation: true, KeyPolicy: {} } },
        Alias: {
          Type: 'AWS::KMS::Alias',
          Properties: { AliasName: 'alias/a', TargetKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } },
        },
        Jobs: {
          Type: 'AWS::SQS::Queue',
          Properties: { KmsMasterKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } },
        },
      },
      Outputs: { Key: { Value: { 'Fn::GetAtt': ['Key', 'Arn'] } } },
    });
    expect(outputs['Key']).toMatch(new RegExp(`^arn:aws:kms:us-east-1:\\d{12}:key/${stackName}-Key$`));
  });

  it('leads the functions to queues by way of what stands in between', async () => {
    const { services, outputs } = await create(
      {
        Resources: {
          Function: lambda({ Environment: { Variables: { QUEUE_URL: { Ref: 'Queue' } } } }),
          Queue: queue({}),
          Role,
        },
        Outputs: { QueueUrl: { Value: { Ref: 'Queue' } } },
      },
      undefined,
      { AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1' },
    );
    const probe = services.functions.get('Function');
    expect(await probe?.invoke({})).toMatchObject({
      QUEUE_URL: outputs['QueueUrl']?.replace(server.endpoint, 'http://127.0.0.1:1'),
    });
    await probe?.stop();
  });

  it('takes a schedule whose target is a state machine of the template', async () => {
    const { services, outputs, stackName } = await create({
      Resources: {
        Nightly: schedule({ Ref: 'Machine' }),
        Machine: stateMachine({ StartAt: 'Done', States: { Done: { Type: 'Succeed' } } }),
        Role,
      },
      Outputs: { Schedule: { Value: { Ref: 'Nightly' } }, Machine: { Value: { Ref: 'Machine' } } },
    });
    expect(outputs['Schedule']).toBe(`${stackName}-Nightly`);
    expect([...services.stateMachines.keys()]).toEqual([outputs['Machine']]);
  });

  it('gives a secret the value of its template, with the generated part, or the one it was told', async () => {
    const secret = (Name: string) => ({
      Type: 'AWS::SecretsManager::Secret',
      Properties: {
        Name,
        GenerateSecretString: {
          SecretStringTemplate: '{"kind":"unset"}',
          GenerateStringKey: 'key',
          PasswordLength: 9,
        },
      },
    });
    const overrides = new Overrides({ second: 'given' }, {});
    const { services } = await create(
      { Resources: { First: secret('first'), Second: secret('second') } },
      overrides,
    );
    const value = (name: string) => services.secrets.find(name)?.versions[0]?.value ?? '';
    expect(JSON.parse(value('first'))).toEqual({ kind: 'unset', key: expect.stringMatching(/^.{9}$/) });
    expect(value('second')).toBe('given');
    overrides.requireAllUsed();
  });

  it('does not overlook a value that nothing asks for', () => {
    expect(() => new Overrides({ crm: 'x' }, { CRM_URL: 'y' }).requireAllUsed()).toThrow('crm, CRM_URL');
  });

  const stream = { FunctionName: { Ref: 'Function' }, StartingPosition: 'LATEST' };
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a type', { Topic: { Type: 'AWS::S3::Bucket' } }, /^Topic: .*AWS::S3::Bucket/],
    ['a property', { Queue: queue({ Shiny: true }) }, /^Queue: .*Shiny/s],
    [
      'a property within another',
      { Role, Function: lambda({ LoggingConfig: { Colour: 'red' } }) },
      /^Function: .*Colour.*LoggingConfig/s,
    ],
    [
      'an attribute',
      { Role, Function: lambda({ Role: { 'Fn::GetAtt': ['Role', 'Shoe'] } }) },
      /^Function: .*Shoe of Role/,
    ],
    ['a resource', { Function: lambda() }, /^Function: refers to Role/],
    ['a bundle', { Role, Function: lambda({ Handler: 'main.handler' }) }, /^Function: no module main/],
    ['an asset', { Role, Function: lambda({ Code: { S3Key: 'x.zip' } }) }, /^Function: .*no asset x.zip/],
    [
      'a stream',
      {
        Role,
        Function: lambda(),
        Mapping: mapping({ ...stream, EventSourceArn: 'arn:aws:dynamodb:eu-west-1:1:table/users/stream/x' }),
      },
      /^Mapping: .*no table of this template/,
    ],
    [
      'an event source',
      {
        Role,
        Function: lambda(),
        Mapping: mapping({ ...stream, EventSourceArn: 'arn:aws:kinesis:eu-west-1:1:stream/x' }),
      },
      /^Mapping: .*kinesis/,
    ],
    [
      'a filter',
      {
        Role,
        Function: lambda(),
        Queue: queue(),
        Mapping: mapping({
          FunctionName: { Ref: 'Function' },
          EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
          FilterCriteria: { Filters: [{ Pattern: '{"body":[{"wildcard":"*"}]}' }] },
        }),
      },
      /^Mapping: .*wildcard/,
    ],
    [
      'a function of a state machine',
      { Role, Machine: stateMachine(invoke('nobody')) },
      /^Machine: the function nobody/,
    ],
    [
      'a field of a state',
      { Role, Machine: stateMachine(invoke('x', { HeartbeatSeconds: 1 })) },
      /^Machine: .*HeartbeatSeconds.*Go/s,
    ],
    [
      'a target of a schedule',
      { Role, Nightly: schedule('arn:aws:sqs:us-east-1:1:q') },
      /^Nightly: its target arn:aws:sqs/,
    ],
    ['a property of a schedule', { Role, Nightly: schedule('x', { Colour: 'red' }) }, /^Nightly: .*Colour/s],
  ])('names %s that it does not know', async (_, Resources, message) => {
    await expect(create({ Resources })).rejects.toThrow(message);
  });

  it('refuses a circle', async () => {
    const Resources = { A: queue({ QueueName: { Ref: 'B' } }), B: queue({ QueueName: { Ref: 'A' } }) };
    await expect(create({ Resources })).rejects.toThrow('A → B → A');
  });

  it('refuses a time-out longer than the visibility of its queue, as Lambda does', async () => {
    const Mapping = mapping({
      FunctionName: { Ref: 'Function' },
      EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
    });
    const Resources = {
      Role,
      Mapping,
      Queue: queue({ VisibilityTimeout: 30 }),
      Function: lambda({ Timeout: 60 }),
    };
    await expect(create({ Resources })).rejects.toThrow(
      '30 seconds is less than Function timeout: 60 seconds',
    );
  });
});
