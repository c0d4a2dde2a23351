import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';

/** Does a conditional write. @returns whether its condition held; other failures are thrown. */
export async function whenConditionHolds(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}
