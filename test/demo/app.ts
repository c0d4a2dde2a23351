import {
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  paginateScan,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { unmarshallItem } from '../../shared/store/unmarshall-item.ts';
import { readUser } from '../../shared/user/read-user.ts';
import type { User } from '../../shared/user/user.ts';
import type { PersonalData } from './personal-data.ts';

/** The app's backend, which writes to the user table and knows nothing of the CRM. */
export interface App {
  signUp(user: User): Promise<void>;
  /** Changes attributes of a user. `undefined` removes an attribute. */
  edit(userId: string, changes: Partial<User>): Promise<void>;
  remove(userId: string): Promise<void>;
  users(): Promise<User[]>;
}

/** @param personal records everything that people enter. */
export function appOn(client: DynamoDBClient, tableName: string, personal: PersonalData): App {
  const TableName = tableName;
  const keyOf = (userId: string) => marshall({ userId });
  return {
    async signUp(user) {
      personal.remember(user);
      await client.send(
        new PutItemCommand({ TableName, Item: marshall(user, { removeUndefinedValues: true }) }),
      );
    },
    async edit(userId, changes) {
      personal.remember(changes);
      const names = Object.keys(changes) as (keyof User)[];
      const set = names.filter((name) => changes[name] !== undefined);
      const removed = names.filter((name) => changes[name] === undefined);
      const clauses = [
        set.length > 0 && `SET ${set.map((name) => `#${name} = :${name}`).join(', ')}`,
        removed.length > 0 && `REMOVE ${removed.map((name) => `#${name}`).join(', ')}`,
      ];
      await client.send(
        new UpdateItemCommand({
          TableName,
          Key: keyOf(userId),
          UpdateExpression: clauses.filter(Boolean).join(' '),
          ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
          ...(set.length > 0 && {
            ExpressionAttributeValues: marshall(
              Object.fromEntries(set.map((name) => [`:${name}`, changes[name]])),
              { removeUndefinedValues: true },
            ),
          }),
        }),
      );
    },
    async remove(userId) {
      await client.send(new DeleteItemCommand({ TableName, Key: keyOf(userId) }));
    },
    async users() {
      const users: User[] = [];
      for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true })) {
        users.push(...Items.map((item) => readUser(unmarshallItem(item)).user));
      }
      return users;
    },
  };
}
