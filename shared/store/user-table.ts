import { setImmediate as endOfTurn } from 'node:timers/promises';
import {
  type AttributeValue,
  type DynamoDBClient,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { readUser, userOf, type Warning } from '../user/read-user.ts';
import type { CrmState, User } from '../user/user.ts';
import { batchGet } from './batch-get.ts';
import { conditionalWrite, RETURN_FOUND } from './conditional-write.ts';
import { unmarshallItem } from './unmarshall-item.ts';

/** The application's user table. The sync writes one attribute of it, `crm`. */
export interface UserTable {
  /**
   * Reads a user, consistently. Reads of one turn of the event loop share one request.
   *
   * @returns undefined if there is no such user.
   * @throws InvalidUserError when the item is not a user; CloudError when the table is throttled.
   */
  read(userId: string): Promise<{ user: User; warnings: Warning[] } | undefined>;
  /**
   * Reads users, consistently, with one request for each hundred. Leaves out ids without an item and items that are not users.
   * @throws CloudError when the table is throttled.
   */
  readMany(userIds: readonly string[]): Promise<User[]>;
  /**
   * Stores the `crm` map of a user over the revision that was read, and changes nothing else.
   * @returns `gone` when the user was deleted (an update must not create it again), `conflict` when another writer was faster.
   */
  writeCrm(userId: string, crm: CrmState, over: number | undefined): Promise<'stored' | 'gone' | 'conflict'>;
  /** Scans one page, see {@link scanUsers}. */
  scan(cursor: string | null, limit: number): Promise<UserPage>;
}

type Item = Record<string, AttributeValue>;

/** The user table in DynamoDB. */
export function userTable(client: DynamoDBClient, tableName: string): UserTable {
  const key = (userId: string) => ({ userId: { S: userId } });
  const readItems = async (userIds: readonly string[]): Promise<Map<string, Item>> => {
    const items = await batchGet(client, tableName, [...new Set(userIds)].map(key));
    return new Map(items.map((item) => [item['userId']?.S ?? '', item]));
  };
  let requestedIds: string[] = [];
  let response: Promise<Map<string, Item>> | undefined;
  const readRequested = async () => {
    await endOfTurn();
    const userIds = requestedIds;
    [requestedIds, response] = [[], undefined];
    return readItems(userIds);
  };
  return {
    async read(userId) {
      requestedIds.push(userId);
      response ??= readRequested();
      const item = (await response).get(userId);
      return item && readUser(unmarshallItem(item));
    },
    async readMany(userIds) {
      return [...(await readItems(userIds)).values()].flatMap((item) => userOf(unmarshallItem(item)));
    },
    async writeCrm(userId, crm, over) {
      const revision = (over ?? 0) + 1;
      const written = await conditionalWrite(
        (attemptId) =>
          client.send(
            new UpdateItemCommand({
              TableName: tableName,
              Key: key(userId),
              UpdateExpression: 'SET crm = :crm',
              ConditionExpression: `attribute_exists(userId) AND ${
                // An app may have stored something else there, which is not a revision.
                over === undefined ? 'NOT attribute_type(crm.revision, :number)' : 'crm.revision = :over'
              }`,
              ExpressionAttributeValues: marshall(
                {
                  ':crm': { ...crm, revision, attemptId },
                  ...(over === undefined ? { ':number': 'N' } : { ':over': over }),
                },
                { removeUndefinedValues: true },
              ),
              ...RETURN_FOUND,
            }),
          ),
        ({ crm: found }) => (found as { attemptId?: unknown } | undefined)?.attemptId,
        (item) => item,
      );
      if (written.stored) return 'stored';
      return written.found ? 'conflict' : 'gone';
    },
    scan: (cursor, limit) => scanUsers(client, tableName, cursor, limit),
  };
}

/** A page of the user table. */
export interface UserPage {
  users: User[];
  /** Whether it is the last page. */
  finished: boolean;
  /** The cursor of the next page, or null after the last. */
  next: string | null;
}

/**
 * Scans one page of the user table, in the table's own order. Items that are not users are left out.
 *
 * @param cursor id of the user after whom the page begins, or null for the first page. The user may have been deleted.
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
    next: LastEvaluatedKey?.['userId']?.S ?? null,
  };
}
