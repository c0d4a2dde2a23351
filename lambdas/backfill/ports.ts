import { setTimeout as sleep } from 'node:timers/promises';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Catalog } from '../../shared/infusionsoft/catalog/catalog.ts';
import { sendAll } from '../../shared/queue/send-batch.ts';
import type { Ledger } from '../../shared/quota/ledger.ts';
import { type PostponedStore, postponedStore } from '../../shared/store/postponed-store.ts';
import { type RunLocks, runLocks } from '../../shared/store/run-lock.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { scanUsers, userTable } from '../../shared/store/user-table.ts';
import type { User } from '../../shared/user/user.ts';
import { type BackfillMessage, entryOf } from './messages.ts';

/** What a backfill reads and writes. */
export interface BackfillPorts {
  /** A page of users after `cursor`, in the order of the table, and whether it is the last page. */
  usersAfter(cursor: string | null): Promise<{ users: readonly User[]; finished: boolean }>;
  /** Users as stored now. Deleted ones are left out. */
  users(userIds: readonly string[]): Promise<readonly User[]>;
  /** The approximate number of users. */
  countUsers(): Promise<number>;
  catalog(): Promise<Catalog | undefined>;
  /** Sends messages. Throws unless all are sent; a message that is sent twice does no harm. */
  send(messages: readonly BackfillMessage[], runId: string): Promise<void>;
  /** Message groups that failed several times in a row. */
  postponed: Pick<PostponedStore, 'read'>;
  /** The requests that were made so far, by everyone who uses the quota. */
  ledger(): Promise<Ledger | undefined>;
  locks: RunLocks;
  isRunning(executionArn: string): Promise<boolean>;
  /** Starts another execution of the same state machine. @returns its ARN. */
  startExecution(name: string, input: unknown): Promise<string>;
  /** Called with the error that ended a call early. The call's work is kept, and the next call continues it. */
  onFailure(error: unknown): void;
  sleep(ms: number): Promise<void>;
  /** Epoch milliseconds. */
  now(): number;
}

export interface AwsPortsOptions {
  dynamodb: DynamoDBClient;
  sqs: SQSClient;
  sfn: SFNClient;
  userTable: string;
  syncTable: string;
  queueUrl: string;
  stateMachineArn: string;
  onFailure: BackfillPorts['onFailure'];
}

/** Items of one page of the scan. Small, since users in flight are checked between two pages. */
const SCAN_PAGE = 500;

/** Implements the ports with AWS services. */
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
