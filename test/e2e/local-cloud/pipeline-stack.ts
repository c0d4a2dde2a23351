import { lambda, mapping, queue, Role, table } from '../../local-cloud/template-parts.ts';

/** Sends each change on to the queue; fails as the item's name says. */
const FEED = `
  import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
  const sqs = new SQSClient();
  export const handler = async ({ Records }) => {
    const names = Records.map(({ dynamodb }) => dynamodb.Keys.id.S);
    console.log(JSON.stringify({ names, eventNames: Records.map(({ eventName }) => eventName) }));
    if (names.includes('poison')) throw new Error('poison');
    for (const { eventID, eventName, dynamodb } of Records)
      await sqs.send(new SendMessageCommand({
        QueueUrl: process.env.QUEUE_URL,
        MessageBody: JSON.stringify({ id: dynamodb.Keys.id.S, eventName }),
        MessageGroupId: dynamodb.Keys.id.S,
        MessageDeduplicationId: eventID,
      }));
  };`;

/** Writes what it is told to a table; a message "bad" fails for ever, and "slow" takes longer than the function may. */
const WORK = `
  import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
  import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
  const dynamodb = new DynamoDBClient();
  const secrets = new SecretsManagerClient();
  let order = 0;
  export const handler = async ({ Records, secretId }) => {
    if (secretId) return (await secrets.send(new GetSecretValueCommand({ SecretId: secretId }))).SecretString;
    const batchItemFailures = [];
    for (const { body, messageId, attributes } of Records) {
      const { id, eventName } = JSON.parse(body);
      if (id === 'slow') await new Promise((resolve) => setTimeout(resolve, 60_000));
      if (id === 'bad') batchItemFailures.push({ itemIdentifier: messageId });
      else await dynamodb.send(new PutItemCommand({
        TableName: process.env.DONE_TABLE,
        Item: { id: { S: id }, sequence: { S: attributes.SequenceNumber }, eventName: { S: eventName } },
      }));
    }
    return { batchItemFailures };
  };`;

const arnOf = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });

/** A table whose changes go through a function and a queue to another function, which writes them to a second table. */
export const TEMPLATE = {
  Resources: {
    Users: table({
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    }),
    Done: table(
      {
        GlobalSecondaryIndexes: [
          {
            IndexName: 'bySequence',
            KeySchema: [{ AttributeName: 'sequence', KeyType: 'HASH' }],
            Projection: { ProjectionType: 'ALL' },
          },
        ],
      },
      'sequence',
    ),
    Dead: queue({ FifoQueue: true }),
    Discarded: queue(),
    Work: queue({
      FifoQueue: true,
      VisibilityTimeout: 2,
      RedrivePolicy: { deadLetterTargetArn: arnOf('Dead'), maxReceiveCount: 2 },
    }),
    Secret: { Type: 'AWS::SecretsManager::Secret', Properties: { Name: 'crm/key' } },
    Role,
    Feed: lambda({ Environment: { Variables: { QUEUE_URL: { Ref: 'Work' } } }, Timeout: 20 }, 'feed'),
    Worker: lambda(
      {
        Environment: { Variables: { DONE_TABLE: { Ref: 'Done' } } },
        ReservedConcurrentExecutions: 2,
        Timeout: 2,
      },
      'work',
    ),
    Stream: mapping({
      FunctionName: { Ref: 'Feed' },
      EventSourceArn: { 'Fn::GetAtt': ['Users', 'StreamArn'] },
      StartingPosition: 'LATEST',
      BatchSize: 10,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 1,
      FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT","MODIFY"]}' }] },
      DestinationConfig: { OnFailure: { Destination: arnOf('Discarded') } },
    }),
    Source: mapping({
      FunctionName: { Ref: 'Worker' },
      EventSourceArn: arnOf('Work'),
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    }),
  },
  Outputs: Object.fromEntries(
    ['Users', 'Done', 'Work', 'Dead', 'Discarded', 'Secret'].map((Ref) => [Ref, { Value: { Ref } }]),
  ),
};

export const BUNDLES = { feed: FEED, work: WORK };
