import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStackCreator } from '../fixtures/stack-creator.ts';
import { lambda, mapping, queue, Role, schedule, stateMachine } from '../fixtures/template-parts.ts';
import { Overrides } from '../overrides.ts';

let creator: Awaited<ReturnType<typeof startStackCreator>>;
beforeAll(async () => {
  creator = await startStackCreator();
});
afterAll(() => creator.stop());
const create: typeof creator.create = (...stack) => creator.create(...stack);

describe('createResources', () => {
  it('creates referenced resources first, and resolves the outputs', async () => {
    const { outputs, services, stackName } = await create({
      Resources: {
        Mapping: mapping({
          FunctionName: { Ref: 'Function' },
          EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
          ScalingConfig: { MaximumConcurrency: 2 },
        }),
        Function: lambda({ Environment: { Variables: { QUEUE_URL: { Ref: 'Queue' } } } }),
        Queue: queue({ FifoQueue: true, SqsManagedSseEnabled: true }),
        Role,
      },
      Outputs: {
        QueueUrl: { Value: { Ref: 'Queue' } },
        FunctionName: { Value: { Ref: 'Function' } },
        MappingId: { Value: { Ref: 'Mapping' } },
      },
    });
    const queueUrl = `${creator.endpoint}/000000000000/${stackName}-Queue.fifo`;
    const [created] = services.mappings.values();
    expect(created).toMatchObject({
      EventSourceArn: expect.stringMatching(/:.*-Queue\.fifo$/),
      State: 'Enabled',
    });
    expect(outputs).toEqual({
      QueueUrl: queueUrl,
      FunctionName: `${stackName}-Function`,
      MappingId: created?.UUID,
    });
    expect([...services.eventSources.keys()]).toEqual(['Mapping']);
    const probe = services.functions.get('Function');
    expect(await probe?.invoke({})).toMatchObject({
      QUEUE_URL: queueUrl,
      AWS_LAMBDA_FUNCTION_NAME: `${stackName}-Function`,
    });
    await probe?.stop();
  });

  it('accepts a KMS key and its alias', async () => {
    const { outputs, stackName } = await create({
      Resources: {
        Key: { Type: 'AWS::KMS::Key', Properties: { EnableKeyRotation: true, KeyPolicy: {} } },
        Alias: {
          Type: 'AWS::KMS::Alias',
          Properties: { AliasName: 'alias/a', TargetKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } },
        },
        Jobs: queue({ KmsMasterKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } }),
      },
      Outputs: { Key: { Value: { 'Fn::GetAtt': ['Key', 'Arn'] } } },
    });
    expect(outputs['Key']).toMatch(new RegExp(`^arn:aws:kms:us-east-1:\\d{12}:key/${stackName}-Key$`));
  });

  it('gives functions queue URLs with the endpoint of the proxy', async () => {
    const { services, outputs } = await create(
      {
        Resources: {
          Function: lambda({ Environment: { Variables: { QUEUE_URL: { Ref: 'Queue' } } } }),
          Queue: queue(),
          Role,
        },
        Outputs: { QueueUrl: { Value: { Ref: 'Queue' } } },
      },
      undefined,
      { AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1' },
    );
    const probe = services.functions.get('Function');
    expect(await probe?.invoke({})).toMatchObject({
      QUEUE_URL: outputs['QueueUrl']?.replace(creator.endpoint, 'http://127.0.0.1:1'),
    });
    await probe?.stop();
  });

  it('accepts a schedule whose target is a state machine of the template', async () => {
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

  it('accepts a schedule whose target is a function of the template', async () => {
    const { outputs, stackName } = await create({
      Resources: {
        Often: schedule({ 'Fn::GetAtt': ['Function', 'Arn'] }),
        Function: lambda({}),
        Role,
      },
      Outputs: { Schedule: { Value: { Ref: 'Often' } } },
    });
    expect(outputs['Schedule']).toBe(`${stackName}-Often`);
  });

  it('gives a secret the value of the template, with its generated part, or the overriding value', async () => {
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

  it('rejects unused overrides', () => {
    expect(() => new Overrides({ crm: 'x' }, { CRM_URL: 'y' }).requireAllUsed()).toThrow('crm, CRM_URL');
  });
});
