import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { sendAll } from '../../shared/queue/send-batch.ts';
import { postponedStore } from '../../shared/store/postponed-store.ts';
import { runLocks } from '../../shared/store/run-lock.ts';

import { syncTable } from '../../shared/store/sync-table.ts';
import { scanUsers, userTable } from '../../shared/store/user-table.ts';
import { entryOf } from './messages.ts';
import type { BackfillPorts } from './ports.ts';

export interface AwsPortsOptions {
  dynamodb: DynamoDBClient;
  sqs: SQSClient;
  sfn: SFNClient;
  userTable: string;
  syncTable: string;
  queueUrl: string;
  stateMachineArn: string;
  onFailure: (error: unknown) => void;
}

/** Items of one page of the scan: users in flight are looked at between two pages. */
const SCAN_PAGE = 500;

/** The ports of the backfill over AWS. */
export function awsPorts(options: AwsPortsOptions): BackfillPorts {
  const { dynamodb, sqs, sfn, queueUrl } = options;
  const users = userTable(dynamodb, options.userTable);
  const table = syncTable(dynamodb, options.syncTable);
  return {
    usersAfter: (cursor) => scanUsers(dynamodb, options.userTable, cursor, SCAN_PAGE),
    async countUsers() {
      const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: options.userTable }));
      return Table?.ItemCount ?? 0;
    },
    catalog: () => table.readCatalog(),
    users: (userIds) => users.readMany(userIds),
    postponed: postponedStore(dynamodb, options.syncTable),
    send: (messages, runId) =>
      sendAll(
        sqs,
        queueUrl,
        messages.map((message) => entryOf(message, runId)),
      ),
    ledger: async () => (await table.ledger.read())?.value,
    locks: runLocks(dynamodb, options.syncTable),
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
      if (!executionArn) throw new Error('StartExecution returned no ARN');
      return executionArn;
    },
    onFailure: options.onFailure,
    sleep: (ms) => sleep(ms),
    now: Date.now,
  };
}
