import { type AttributeValue, ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { Written } from '../quota/versioned.ts';

/** For a conditional write: its failure tells what was found, without a read and its cost (API reference of PutItem and UpdateItem). */
export const TELL_WHAT_IS_FOUND = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

/**
 * Does a conditional write; failures of another kind are thrown.
 *
 * @param parse reads what was found in its place, for a write that asks to be told.
 */
export async function writeIf<Found>(
  write: () => Promise<unknown>,
  parse?: (item: Record<string, AttributeValue>) => Found,
): Promise<Written<Found>> {
  try {
    await write();
    return { stored: true };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return { stored: false, found: error.Item && parse?.(error.Item) };
  }
}
