import {
  BatchWriteItemCommand,
  type BatchWriteItemCommandOutput,
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import type { Item, Items } from '../overrides.ts';
import { ignored } from '../template.ts';
import { resourceType } from './resource-type.ts';

const keySchema = z.array(z.strictObject({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }));
const throughput = ignored('DynamoDB Local never throttles');
const projection = z.strictObject({
  ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']),
  NonKeyAttributes: z.array(z.string()).optional(),
});
const index = z.strictObject({ IndexName: z.string(), KeySchema: keySchema, Projection: projection });

const properties = z.strictObject({
  TableName: z.string().optional(),
  AttributeDefinitions: z.array(
    z.strictObject({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) }),
  ),
  KeySchema: keySchema,
  GlobalSecondaryIndexes: z
    .array(
      index.extend({
        ProvisionedThroughput: throughput,
        OnDemandThroughput: throughput,
        ContributorInsightsSpecification: ignored('monitoring'),
      }),
    )
    .optional(),
  LocalSecondaryIndexes: z.array(index).optional(),
  StreamSpecification: z
    .strictObject({
      StreamViewType: z.enum(['KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES']),
    })
    .optional(),
  TimeToLiveSpecification: z.strictObject({ AttributeName: z.string(), Enabled: z.boolean() }).optional(),
  BillingMode: ignored('nothing is billed'),
  ProvisionedThroughput: throughput,
  OnDemandThroughput: throughput,
  WarmThroughput: throughput,
  PointInTimeRecoverySpecification: ignored('data is kept in memory'),
  SSESpecification: ignored('data is kept in memory'),
  DeletionProtectionEnabled: ignored('the table disappears with the process'),
  ContributorInsightsSpecification: ignored('monitoring'),
  TableClass: ignored('affects the price only'),
  ResourcePolicy: ignored('there is no access control'),
  Tags: ignored('no effect on behaviour'),
});

/** `AWS::DynamoDB::Table`, in DynamoDB Local. */
export const table = resourceType(properties, async (table, { logicalId, services, physicalName }) => {
  const { TableName = physicalName, StreamSpecification, TimeToLiveSpecification } = table;
  const withoutThroughput = ({ IndexName, KeySchema, Projection }: z.output<typeof index>) => ({
    IndexName,
    KeySchema,
    Projection: {
      ProjectionType: Projection.ProjectionType,
      ...(Projection.NonKeyAttributes && { NonKeyAttributes: Projection.NonKeyAttributes }),
    },
  });
  const input: CreateTableCommandInput = {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: table.AttributeDefinitions,
    KeySchema: table.KeySchema,
    GlobalSecondaryIndexes: table.GlobalSecondaryIndexes?.map(withoutThroughput),
    LocalSecondaryIndexes: table.LocalSecondaryIndexes?.map(withoutThroughput),
  };
  await services.dynamodb.send(new CreateTableCommand(input));
  const existing = services.existingItems.of(logicalId);
  if (existing) await fillTable(services.dynamodb, TableName, existing);
  if (StreamSpecification) {
    const specification = { StreamEnabled: true, ...StreamSpecification };
    await services.dynamodb.send(new UpdateTableCommand({ TableName, StreamSpecification: specification }));
  }
  if (TimeToLiveSpecification)
    await services.dynamodb.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
  const { Table } = await services.dynamodb.send(new DescribeTableCommand({ TableName }));
  const streamArn = Table?.LatestStreamArn;
  if (streamArn) services.streamArns.add(streamArn);
  return {
    ref: TableName,
    attributes: { Arn: Table?.TableArn ?? '', ...(streamArn && { StreamArn: streamArn }) },
  };
});

/** Most items of one BatchWriteItem (Amazon DynamoDB quotas). */
const BATCH = 25;
/** Batches that are written at the same time. */
const WRITERS = 8;

/** Writes items to a table, several batches at a time. */
async function fillTable(client: DynamoDBClient, tableName: string, items: Items): Promise<void> {
  const batches = batchesOf(items);
  const write = async () => {
    for await (const batch of batches) await writeBatch(client, tableName, batch);
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

async function writeBatch(client: DynamoDBClient, tableName: string, items: readonly Item[]): Promise<void> {
  let requests: Record<string, WriteRequest[]> | undefined = {
    [tableName]: items.map((Item) => ({ PutRequest: { Item } })),
  };
  while (requests && Object.keys(requests).length > 0) {
    const written: BatchWriteItemCommandOutput = await client.send(
      new BatchWriteItemCommand({ RequestItems: requests }),
    );
    requests = written.UnprocessedItems;
  }
}

async function* batchesOf(items: Items): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
