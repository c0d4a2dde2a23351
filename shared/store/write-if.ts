import { type AttributeValue, ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { Written } from '../quota/versioned.ts';

/** For a conditional write: its failure tells what was found, without a read and its cost (API reference of PutItem and UpdateItem). */
export const TELL_WHAT_IS_FOUND = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

/** Does a conditional write. What was found is told only where the write asks for it; other failures are thrown. */
export async function writeIf(
  write: () => Promise<unknown>,
): Promise<Written<Record<string, AttributeValue>>> {
  try {
    await write();
    return { stored: true };
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return { stored: false, found: error.Item };
    throw error;
  }
}
