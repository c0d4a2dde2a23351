import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BatchGetItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, expect, it } from 'vitest';
import { type CountingProxy, countingProxy } from './counting-proxy.ts';

const running: (Server | CountingProxy)[] = [];
afterEach(() => {
  for (const each of running.splice(0)) 'stop' in each ? each.stop() : each.close();
});

/** A service with one fixed response per operation. */
async function service(answers: Record<string, [status: number, document: unknown]>) {
  const asked: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    asked.push(JSON.parse((await request.toArray()).join('')));
    const [status, document] = answers[String(request.headers['x-amz-target']).split('.')[1] ?? ''] ?? [
      500,
      {},
    ];
    response
      .writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
      .end(JSON.stringify(document));
  });
  running.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const client = { region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } };

it('counts calls by operation and resource, with the units that DynamoDB returns, and forwards them', async () => {
  const dynamodb = await service({
    GetItem: [200, { Item: { id: { S: 'a' } }, ConsumedCapacity: { CapacityUnits: 1.5 } }],
    BatchGetItem: [200, { Responses: {}, ConsumedCapacity: [{ TableName: 'Users', CapacityUnits: 4 }] }],
    PutItem: [400, { __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException' }],
  });
  const sqs = await service({ SendMessage: [200, { MessageId: '1' }] });
  const proxy = countingProxy();
  running.push(proxy);
  const environment = await proxy.between({
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
    AWS_ENDPOINT_URL_SQS: sqs.url,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:1',
    AWS_REGION: 'us-east-1',
  });
  expect(environment['AWS_REGION']).toBe('us-east-1');

  const table = new DynamoDBClient({ ...client, endpoint: environment['AWS_ENDPOINT_URL_DYNAMODB'] ?? '' });
  const Key = { id: { S: 'a' } };
  for (let time = 0; time < 2; time++)
    expect(await table.send(new GetItemCommand({ TableName: 'Users', Key }))).toMatchObject({ Item: Key });
  await table.send(new BatchGetItemCommand({ RequestItems: { Users: { Keys: [Key] } } }));
  await expect(table.send(new PutItemCommand({ TableName: 'Users', Item: Key }))).rejects.toMatchObject({
    name: 'ConditionalCheckFailedException',
  });
  const queue = new SQSClient({ ...client, endpoint: environment['AWS_ENDPOINT_URL_SQS'] ?? '', md5: false });
  await queue.send(new SendMessageCommand({ QueueUrl: `${sqs.url}/0/Queue.fifo`, MessageBody: 'x' }));

  expect(Object.fromEntries(proxy.counts())).toEqual({
    'DynamoDB GetItem Users': { calls: 2, readUnits: 3, writeUnits: 0 },
    'DynamoDB BatchGetItem Users': { calls: 1, readUnits: 4, writeUnits: 0 },
    'DynamoDB PutItem Users': { calls: 1, readUnits: 0, writeUnits: 1 },
    'SQS SendMessage Queue.fifo': { calls: 1, readUnits: 0, writeUnits: 0 },
  });
  expect(dynamodb.asked[0]).toEqual({ TableName: 'Users', Key, ReturnConsumedCapacity: 'TOTAL' });
  expect(sqs.asked).toEqual([{ QueueUrl: `${sqs.url}/0/Queue.fifo`, MessageBody: 'x' }]);
});
