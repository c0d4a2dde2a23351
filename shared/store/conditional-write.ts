import { randomBytes } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DeleteItemCommandInput,
  type DynamoDBClient,
  PutItemCommand,
  type PutItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Written } from '../quota/versioned-store.ts';
import { unmarshallItem } from './unmarshall-item.ts';

/** Makes a failed condition return the stored item, which saves a read (API reference of PutItem and UpdateItem). */
export const RETURN_FOUND = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

type PlainItem = Record<string, unknown>;

/** 96 random bits: short, since every item stores one, and no two calls share an id. */
const newAttemptId = (): string => randomBytes(12).toString('base64url');

/**
 * Makes a conditional write and recognizes its own earlier attempt. When the response of a successful write is lost, the SDK repeats the
 * request, and the repeat fails on the condition. The item that it finds then has the attempt id of this call, so the result is `stored`.
 *
 * The id tells apart two writers of the same content, such as two environments that take the same request slots. If a third writer has
 * overwritten the item in the meantime, its id is another one: the caller sees a conflict and decides again from what is stored.
 *
 * @param write sends the write, with the id as a part of what it stores.
 * @param attemptIdOf returns the id in an item.
 * @param parse parses the item that was found.
 * @throws what `write` throws, apart from a failed condition.
 */
export async function conditionalWrite<Found>(
  write: (attemptId: string) => Promise<unknown>,
  attemptIdOf: (item: PlainItem) => unknown,
  parse: (item: PlainItem) => Found,
): Promise<Written<Found>> {
  const attemptId = newAttemptId();
  try {
    await write(attemptId);
    return { stored: true };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    const found = error.Item && unmarshallItem(error.Item);
    if (found && attemptIdOf(found) === attemptId) return { stored: true };
    return { stored: false, found: found && parse(found) };
  }
}

/** The condition of a put, with its names and values. */
export interface PutCondition
  extends Pick<PutItemCommandInput, 'ConditionExpression' | 'ExpressionAttributeNames'> {
  /** By placeholder, for example `:now`. Undefined values are left out. */
  values?: PlainItem;
}

/** Puts an item of the sync table if a condition is true: a {@link conditionalWrite}. */
export function conditionalPut<Found>(
  client: DynamoDBClient,
  TableName: string,
  item: PlainItem & { id: string },
  { values, ...condition }: PutCondition,
  parse: (item: PlainItem) => Found,
): Promise<Written<Found>> {
  const plain = { removeUndefinedValues: true };
  return conditionalWrite(
    (attemptId) =>
      client.send(
        new PutItemCommand({
          TableName,
          Item: marshall({ ...item, attemptId }, plain),
          ...condition,
          ...(values && { ExpressionAttributeValues: marshall(values, plain) }),
          ...RETURN_FOUND,
        }),
      ),
    (found) => found['attemptId'],
    parse,
  );
}

/** Deletes an item if a condition is true. If it is not, an earlier attempt has deleted the item, or another writer has replaced it. */
export async function conditionalDelete(
  client: DynamoDBClient,
  input: DeleteItemCommandInput,
): Promise<void> {
  try {
    await client.send(new DeleteItemCommand(input));
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}
