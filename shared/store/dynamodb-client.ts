import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** DynamoDB answers within milliseconds; an answer that takes longer than this is not coming. */
const REQUEST_TIMEOUT_MS = 3000;

/**
 * A client that tries again when an answer does not come. The SDK's own default is to wait without an end, so one lost answer would
 * hold an invocation until its time-out.
 */
export const dynamoDbClient = (): DynamoDBClient =>
  new DynamoDBClient({
    requestHandler: {
      connectionTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
