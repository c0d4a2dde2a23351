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

/** For a conditional write: its failure returns the item, without a read and its cost (API reference of PutItem and UpdateItem). */
export const RETURN_FOUND = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

type PlainItem = Record<string, unknown>;

/** 96 random bits: no two calls share an id, and each item holds one, so it is short. */
const newAttemptId = (): string => randomBytes(12).toString('base64url');

/**
 * Makes a conditional write, and recognises its own earlier attempt. When the answer of an applied write is lost, the SDK sends the same
 * request again, and the repeat fails on the condition: the item found then holds the attempt id of this very call, so it is `stored`.
 *
 * The id tells apart two writers who write the same content, such as two environments that take the same request slots. An item that a
 * third writer has put over ours in the meantime holds another id: the caller sees a conflict, and decides anew from what is there.
 *
 * @param write sends the write, with the id as a part of what it stores.
 * @param attemptIdOf finds the id in an item.
 * @param parse reads the item that was found.
 * @throws whatever `write` throws, apart from a failed condition.
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

/** Condition of a put, with the names and values that it refers to. */
export interface PutCondition
  extends Pick<PutItemCommandInput, 'ConditionExpression' | 'ExpressionAttributeNames'> {
  /** By name, `:now` for example; undefined ones are left out. */
  values?: PlainItem;
}

/** Puts an item of the sync's table if a condition holds: a {@link conditionalWrite}. */
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

/** Deletes an item if a condition holds. Where it does not, the item is another's by now, or an earlier attempt has deleted it. */
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
