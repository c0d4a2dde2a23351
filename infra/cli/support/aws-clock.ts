import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/**
 * The clock of AWS, which each response of DynamoDB reports, in epoch milliseconds. Times in the request ledger must be right for all of its
 * writers, and the clock of a person's machine may be wrong. Before the first response, it is that of the machine.
 */
export const awsClock = (dynamodb: DynamoDBClient) => (): number =>
  Date.now() + dynamodb.config.systemClockOffset;
