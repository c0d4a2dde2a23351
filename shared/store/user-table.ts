import { setImmediate as endOfTurn } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  type DynamoDBClient,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { CloudError } from '../sync/errors.ts';
import { readUser, userOf, type Warning } from '../user/read-user.ts';
import type { CrmState, User } from '../user/user.ts';
import { conditionalWrite, RETURN_FOUND } from './conditional-write.ts';
import { unmarshallItem } from './unmarshall-item.ts';

/** The application's table of users, of which the sync writes one attribute. */
export interface UserTable {
  /**
   * The user as stored now (a consistent read), or undefined where there is none. Those who are asked for in one turn of the event
   * loop are read by one call.
   *
   * @throws InvalidUserError when the item is no user; CloudError when the table is throttled.
   */
  read(userId: string): Promise<{ user: User; warnings: Warning[] } | undefined>;
  /** Users as stored now (consistent reads, a call for each hundred); those who are not there, or are no users, are left out. */
  readMany(userIds: readonly string[]): Promise<User[]>;
  /**
   * Stores what the sync knows of the user's contact, over the revision that was read. Writes the `crm` map and nothing else.
   * @returns `gone` when the user is (an update must not bring a deleted user back), `conflict` when somebody else has written.
   */
  writeCrm(userId: string, crm: CrmState, over: number | undefined): Promise<'stored' | 'gone' | 'conflict'>;
}

/** Most keys of one BatchGetItem (Amazon DynamoDB quotas). */
const MAX_KEYS = 100;

type Item = Record<string, AttributeValue>;

/** The user table over DynamoDB. */
export function userTable(client: DynamoDBClient, tableName: string): UserTable {
  const key = (userId: string) => ({ userId: { S: userId } });
  const readItems = async (userIds: readonly string[]): Promise<Map<string, Item>> => {
    const items = new Map<string, Item>();
    let keys: Item[] = [...new Set(userIds)].map(key);
    while (keys.length > 0) {
      const request = { [tableName]: { Keys: keys.slice(0, MAX_KEYS), ConsistentRead: true } };
      const { Responses, UnprocessedKeys } = await client.send(
        new BatchGetItemCommand({ RequestItems: request }),
      );
      for (const item of Responses?.[tableName] ?? []) items.set(item['userId']?.S ?? '', item);
      const unprocessed = UnprocessedKeys?.[tableName]?.Keys ?? [];
      if (unprocessed.length === Math.min(keys.length, MAX_KEYS))
        throw new CloudError('The user table is throttled');
      keys = [...unprocessed, ...keys.slice(MAX_KEYS)];
    }
    return items;
  };
  let asked: string[] = [];
  let answer: Promise<Map<string, Item>> | undefined;
  const readAsked = async () => {
    await endOfTurn();
    const userIds = asked;
    [asked, answer] = [[], undefined];
    return readItems(userIds);
  };
  return {
    async read(userId) {
      asked.push(userId);
      answer ??= readAsked();
      const item = (await answer).get(userId);
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
                // Whatever else may stand there is no revision.
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
  };
}
