import { createHash } from 'node:crypto';
import { DescribeTableCommand, type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { marshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod/mini';
import { type Entry, sendAll } from '../../shared/queue/send-batch.ts';
import { conditionalDelete, conditionalPut } from '../../shared/store/conditional-write.ts';
import { scanUsers } from '../../shared/store/scan-users.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { unmarshallItem } from '../../shared/store/unmarshall-item.ts';
import { messageGroupOf } from '../../shared/sync/message-group.ts';
import type { BackfillPorts, FedMessage } from './ports.ts';

export interface AwsPortsOptions {
  dynamodb: DynamoDBClient;
  sqs: SQSClient;
  sfn: SFNClient;
  userTable: string;
  syncTable: string;
  queueUrl: string;
  stateMachineArn: string;
}

/** Items of one page of the scan: small, so that a feed stops close to where the queue is full. */
const SCAN_PAGE = 500;
const OWNER_ID = 'backfill';
const OWNER_KEY = { id: { S: OWNER_ID } };

const ownerSchema = z.object({ runId: z.string(), executionArn: z.string() });

/** The ports of the backfill over AWS. */
export function awsPorts(options: AwsPortsOptions): BackfillPorts {
  const { dynamodb, sqs, sfn, queueUrl } = options;
  const table = syncTable(dynamodb, options.syncTable);
  return {
    usersAfter: (cursor) => scanUsers(dynamodb, options.userTable, cursor, SCAN_PAGE),
    async countUsers() {
      const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: options.userTable }));
      return Table?.ItemCount ?? 0;
    },
    catalog: () => table.readCatalog(),
    async backlog() {
      const { Attributes = {} } = await sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: queueUrl,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      );
      return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
    },
    send: (messages, runId) =>
      sendAll(
        sqs,
        queueUrl,
        messages.map((message) => entryOf(message, runId)),
      ),
    ledger: async () => (await table.ledger.read())?.value,
    async owner() {
      const { Item } = await dynamodb.send(
        new GetItemCommand({ TableName: options.syncTable, Key: OWNER_KEY, ConsistentRead: true }),
      );
      return Item && ownerSchema.parse(unmarshallItem(Item));
    },
    async own(owner, previous) {
      const { stored } = await conditionalPut(
        dynamodb,
        options.syncTable,
        { id: OWNER_ID, ...owner },
        previous
          ? {
              ConditionExpression: 'executionArn = :previous',
              values: { ':previous': previous.executionArn },
            }
          : { ConditionExpression: 'attribute_not_exists(id)' },
        () => undefined,
      );
      return stored;
    },
    disown: ({ runId }) =>
      conditionalDelete(dynamodb, {
        TableName: options.syncTable,
        Key: OWNER_KEY,
        ConditionExpression: 'runId = :runId',
        ExpressionAttributeValues: marshall({ ':runId': runId }),
      }),
    async isRunning(executionArn) {
      try {
        const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
        return status === 'RUNNING' || status === 'PENDING_REDRIVE';
      } catch (error) {
        if (error instanceof ExecutionDoesNotExist) return false;
        throw error;
      }
    },
    async startExecution(name, input) {
      const { executionArn } = await sfn.send(
        new StartExecutionCommand({
          stateMachineArn: options.stateMachineArn,
          name,
          input: JSON.stringify(input),
        }),
      );
      if (!executionArn) throw new Error('Step Functions told no ARN of the new execution');
      return executionArn;
    },
    now: Date.now,
  };
}

/** A page that is fed again sends the same messages, which SQS takes once. Messages about many users are in no order. */
function entryOf(message: FedMessage, runId: string): Entry {
  const run = runId.slice(-40);
  if (message.kind === 'user') {
    const { userId } = message;
    return { message, groupId: messageGroupOf(userId), deduplicationId: messageGroupOf(`${run}:${userId}`) };
  }
  const users = createHash('sha256').update(message.userIds.join()).digest('hex');
  const id = messageGroupOf(`tags:${run}:${users}`);
  return { message, groupId: id, deduplicationId: id };
}
