import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStackCreator } from '../fixtures/stack-creator.ts';
import { invoke, lambda, mapping, queue, Role, schedule, stateMachine } from '../fixtures/template-parts.ts';
import { Overrides } from '../overrides.ts';

let creator: Awaited<ReturnType<typeof startStackCreator>>;
beforeAll(async () => {
  creator = await startStackCreator();
});
afterAll(() => creator.stop());
const create: typeof creator.create = (...stack) => creator.create(...stack);

describe('createResources', () => {
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
      'a filter of a queue',
      {
        Role,
        Function: lambda(),
        Queue: queue(),
        Mapping: mapping({
          FunctionName: { Ref: 'Function' },
          EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
          ScalingConfig: { MaximumConcurrency: 2 },
          FilterCriteria: { Filters: [{ Pattern: '{"body":[{"wildcard":"*"}]}' }] },
        }),
      },
      /^Mapping: .*FilterCriteria/s,
    ],
    [
      'a record age',
      {
        Role,
        Function: lambda(),
        Mapping: mapping({ ...stream, EventSourceArn: 'arn:aws:dynamodb:x', MaximumRecordAgeInSeconds: 59 }),
      },
      /^Mapping: .*MaximumRecordAgeInSeconds/s,
    ],
    [
      'two secrets',
      Object.fromEntries(
        ['One', 'Two'].map((id) => [
          id,
          { Type: 'AWS::SecretsManager::Secret', Properties: { Name: 'taken', SecretString: 'x' } },
        ]),
      ),
      /^Two: a secret named taken already exists/,
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
      /^Nightly: the target arn:aws:sqs/,
    ],
    ['a property of a schedule', { Role, Nightly: schedule('x', { Colour: 'red' }) }, /^Nightly: .*Colour/s],
  ])('rejects %s that it does not support', async (_, Resources, message) => {
    await expect(create({ Resources })).rejects.toThrow(message);
  });

  it('rejects a circular reference', async () => {
    const Resources = { A: queue({ QueueName: { Ref: 'B' } }), B: queue({ QueueName: { Ref: 'A' } }) };
    await expect(create({ Resources })).rejects.toThrow('A → B → A');
  });

  it.each<[string, number, number | undefined, string]>([
    ['of its queue', 30, undefined, '30 seconds is less than Function timeout: 60 seconds'],
    ['that is set for the run', 90, 20, '20 seconds is less than Function timeout: 60 seconds'],
  ])(
    'rejects a function timeout longer than the visibility timeout %s, like Lambda',
    async (_, visibilityTimeout, timeoutOfRun, message) => {
      const Mapping = mapping({
        FunctionName: { Ref: 'Function' },
        EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
        ScalingConfig: { MaximumConcurrency: 2 },
      });
      const Resources = {
        Role,
        Mapping,
        Queue: queue({ VisibilityTimeout: visibilityTimeout }),
        Function: lambda({ Timeout: 60 }),
      };
      await expect(create({ Resources }, new Overrides({}, {}), {}, timeoutOfRun)).rejects.toThrow(message);
    },
  );
});
