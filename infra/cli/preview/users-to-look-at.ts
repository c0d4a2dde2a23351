import { randomUUID } from 'node:crypto';
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { scanUsers } from '../../../shared/store/user-table.ts';
import type { User } from '../../../shared/user/user.ts';

const PAGE = 500;

/**
 * The users of a table, or so many of them from a place of the table that chance picks: its order is that of hashes, so any stretch is a
 * fair sample.
 *
 * @returns with about how many users there are in all (DynamoDB counts them every six hours).
 */
export async function usersToLookAt(
  dynamodb: DynamoDBClient,
  table: string,
  sample?: number,
): Promise<{ total: number; users: AsyncIterable<User> }> {
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: table }));
  const total = Table?.ItemCount ?? 0;
  const wanted = sample ?? Number.POSITIVE_INFINITY;
  return { total, users: stretch(dynamodb, table, wanted, sample === undefined ? null : randomUUID()) };
}

async function* stretch(
  dynamodb: DynamoDBClient,
  table: string,
  wanted: number,
  from: string | null,
): AsyncGenerator<User> {
  const seen = new Set<string>();
  // From the place to the end of the table, and then from its beginning.
  for (const start of from === null ? [null] : [from, null]) {
    let cursor = start;
    for (;;) {
      const { users, finished } = await scanUsers(dynamodb, table, cursor, Math.min(PAGE, wanted));
      for (const user of users) {
        if (seen.has(user.userId)) continue;
        if (seen.size >= wanted) return;
        seen.add(user.userId);
        yield user;
      }
      cursor = users.at(-1)?.userId ?? null;
      if (finished || cursor === null) break;
    }
  }
}
