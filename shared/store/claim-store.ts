import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as z from 'zod/mini';
import type { Written } from '../quota/versioned-store.ts';
import { conditionalPut, type PutCondition } from './conditional-write.ts';

const claimSchema = z.object({
  userId: z.string(),
  /** When the user took it, in epoch milliseconds. */
  claimedAt: z.optional(z.number()),
  /** Until when the contact of a deleted user is being treated, in epoch milliseconds. */
  retiringUntil: z.optional(z.number()),
  /** The contact was that of a user who was deleted, so what the mapping manages of it was written by the sync. */
  inherited: z.optional(z.boolean()),
});
export type Claim = z.infer<typeof claimSchema>;

/** What a claim has to be to be written over. Times in epoch milliseconds. */
export interface ExpectedClaim {
  userId: string;
  /** Its contact is not being treated at this moment. */
  notRetiringAt?: number;
  /** It was taken before this moment. */
  claimedBefore?: number;
}

/** Which user has which email and which contact: items of the sync's table, each held by one user. */
export interface ClaimStore {
  /** Writes a claim where there is none, or over one that is as expected, if that is told. */
  write(key: string, claim: Claim, over?: ExpectedClaim): Promise<Written<Claim>>;
}

/** Claims over DynamoDB. */
export function claimStore(client: DynamoDBClient, TableName: string): ClaimStore {
  return {
    write: (key, claim, over) =>
      conditionalPut(
        client,
        TableName,
        { id: key, ...claim },
        over ? noneOr(over) : { ConditionExpression: NONE },
        (item) => claimSchema.parse(item),
      ),
  };
}

const NONE = 'attribute_not_exists(id)';

function noneOr({ userId, notRetiringAt, claimedBefore }: ExpectedClaim): PutCondition {
  const conditions = [
    'userId = :userId',
    notRetiringAt !== undefined && '(attribute_not_exists(retiringUntil) OR retiringUntil < :now)',
    claimedBefore !== undefined && '(attribute_not_exists(claimedAt) OR claimedAt < :before)',
  ].filter((condition) => condition !== false);
  return {
    ConditionExpression: `${NONE} OR (${conditions.join(' AND ')})`,
    values: { ':userId': userId, ':now': notRetiringAt, ':before': claimedBefore },
  };
}
