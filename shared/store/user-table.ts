import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { readUser, type Warning } from '../user/read-user.ts';
import type { CrmState, User } from '../user/user.ts';
import { unmarshallItem } from './unmarshall-item.ts';
import { whenConditionHolds } from './when-condition-holds.ts';

/** The application's table of users, of which the sync writes one attribute. */
export interface UserTable {
  /** The user as stored now (a consistent read), or undefined where there is none. */
  read(userId: string): Promise<{ user: User; warnings: Warning[] } | undefined>;
  /**
   * Stores what the sync knows of the user's contact. Writes the `crm` map and nothing else.
   * @returns false when the user is gone: an update must not bring a deleted user back.
   */
  writeCrm(userId: string, crm: CrmState): Promise<boolean>;
}

/** The user table over DynamoDB. */
export function userTable(client: DynamoDBClient, tableName: string): UserTable {
  const key = (userId: string) => ({ userId: { S: userId } });
  return {
    async read(userId) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: tableName, Key: key(userId), ConsistentRead: true }),
      );
      return Item && readUser(unmarshallItem(Item));
    },
    writeCrm: (userId, crm) =>
      whenConditionHolds(() =>
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: key(userId),
            UpdateExpression: 'SET crm = :crm',
            ConditionExpression: 'attribute_exists(userId)',
            ExpressionAttributeValues: marshall({ ':crm': crm }, { removeUndefinedValues: true }),
          }),
        ),
      ),
  };
}
