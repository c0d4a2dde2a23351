import { type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { userOf } from '../user/read-user.ts';
import type { User } from '../user/user.ts';
import { unmarshallItem } from './unmarshall-item.ts';

/** A page of users. */
export interface UserPage {
  users: User[];
  /** Whether it is the last. */
  finished: boolean;
}

/**
 * One page of the table of users, in the table's own order.
 *
 * @param cursor id of the user after whom the page begins, or null for the beginning. It need not be in the table.
 * @param limit most items of the page.
 */
export async function scanUsers(
  client: DynamoDBClient,
  tableName: string,
  cursor: string | null,
  limit: number,
): Promise<UserPage> {
  const { Items = [], LastEvaluatedKey } = await client.send(
    new ScanCommand({
      TableName: tableName,
      Limit: limit,
      ...(cursor !== null && { ExclusiveStartKey: marshall({ userId: cursor }) }),
    }),
  );
  return {
    users: Items.flatMap((item) => userOf(unmarshallItem(item))),
    finished: LastEvaluatedKey === undefined,
  };
}
