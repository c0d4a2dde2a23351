import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type * as z from 'zod/mini';
import type { Written } from '../quota/versioned-store.ts';
import { batchGet } from './batch-get.ts';
import { conditionalPut, type PutCondition } from './conditional-write.ts';
import { SYNC_TABLE_ITEMS } from './sync-table-items.ts';
import { unmarshallItem } from './unmarshall-item.ts';

const { schema } = SYNC_TABLE_ITEMS.contactClaim;
/** Which user has an email or a contact. */
export type Claim = z.infer<typeof schema>;

/** What a stored claim must match to be overwritten. Times in epoch milliseconds. */
export interface ExpectedClaim {
  userId: string;
  /** Its contact is not being retired at this moment. */
  notRetiringAt?: number;
  /** It was made before this moment. */
  claimedBefore?: number;
  /** Or it is the claim of any user on a retired contact. */
  orRetired?: boolean;
}

/** Claims of emails and contacts, by the key of their item (`emailClaim` and `contactClaim` in `sync-table-items.ts`). */
export interface ClaimStore {
  /** Stores a claim if the key has none, or if its claim matches `over`. */
  write(key: string, claim: Claim, over?: ExpectedClaim): Promise<Written<Claim>>;
  /** Reads a claim, consistently. */
  read(key: string): Promise<Claim | undefined>;
  /** Reads claims, consistently, with one request for each hundred. Keys without a claim are missing in the result. */
  readMany(keys: readonly string[]): Promise<ReadonlyMap<string, Claim>>;
}

/** The claims in the sync table. */
export function claimStore(client: DynamoDBClient, TableName: string): ClaimStore {
  const readMany: ClaimStore['readMany'] = async (keys) => {
    const items = await batchGet(
      client,
      TableName,
      keys.map((id) => ({ id: { S: id } })),
    );
    return new Map(items.map((item) => [item['id']?.S ?? '', schema.parse(unmarshallItem(item))]));
  };
  return {
    readMany,
    read: async (key) => (await readMany([key])).get(key),
    write: (key, claim, over) =>
      conditionalPut(
        client,
        TableName,
        { id: key, ...claim },
        over ? noneOr(over) : { ConditionExpression: NONE },
        (item) => schema.parse(item),
      ),
  };
}

const NONE = 'attribute_not_exists(id)';

function noneOr({ userId, notRetiringAt, claimedBefore, orRetired }: ExpectedClaim): PutCondition {
  const conditions = [
    orRetired ? '(userId = :userId OR attribute_not_exists(claimedAt))' : 'userId = :userId',
    notRetiringAt !== undefined && '(attribute_not_exists(retiringUntil) OR retiringUntil < :now)',
    claimedBefore !== undefined && '(attribute_not_exists(claimedAt) OR claimedAt < :before)',
  ].filter((condition) => condition !== false);
  return {
    ConditionExpression: `${NONE} OR (${conditions.join(' AND ')})`,
    values: { ':userId': userId, ':now': notRetiringAt, ':before': claimedBefore },
  };
}
