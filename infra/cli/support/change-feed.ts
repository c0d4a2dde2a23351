import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { changeFeedProblem } from '../../../lambdas/check-health/change-feed.ts';
import type { Outputs } from './connect.ts';

/** Why changes of users do not reach diff-user; undefined if they do. @throws as {@link changeFeedProblem} does. */
export const changeFeedProblemOf = (outputs: Outputs): Promise<string | undefined> =>
  changeFeedProblem(
    { lambda: new LambdaClient(), dynamodb: new DynamoDBClient() },
    { mappingId: outputs.get('ChangeFeedMappingId'), userTable: outputs.get('UserTableName') },
  );
