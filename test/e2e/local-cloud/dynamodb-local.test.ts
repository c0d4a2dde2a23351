import { constants, getPriority } from 'node:os';
import { expect, it } from 'vitest';
import { startDynamoDbLocal } from '../../local-cloud/emulators/dynamodb-local.ts';

it('runs DynamoDB Local with a lower priority than the functions', async () => {
  const { pid, stop } = await startDynamoDbLocal();
  try {
    expect(pid).toBeDefined();
    expect(getPriority(pid)).toBe(constants.priority.PRIORITY_BELOW_NORMAL);
  } finally {
    await stop();
  }
});
