import {
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceNotFoundException as NoTableError,
} from '@aws-sdk/client-dynamodb';
import {
  GetEventSourceMappingCommand,
  type LambdaClient,
  ResourceNotFoundException as NoMappingError,
} from '@aws-sdk/client-lambda';

export interface ChangeFeedClients {
  lambda: Pick<LambdaClient, 'send'>;
  dynamodb: Pick<DynamoDBClient, 'send'>;
}

export interface ChangeFeedIds {
  /** UUID of the event source mapping of diff-user. */
  mappingId: string;
  userTable: string;
}

/** States in which Lambda reads the stream, or will in a moment (AWS Lambda API reference, GetEventSourceMapping, `State`). */
const READING = ['Creating', 'Enabling', 'Enabled', 'Updating'];

/**
 * Checks that the event source mapping of diff-user reads the current stream of the user table. Metrics do not show it: Lambda sends no
 * IteratorAge while it does not read, and no message reaches the queue.
 *
 * @returns why changes of users do not reach diff-user, such as `its event source is Disabled`; undefined if they do.
 * @throws the errors of Lambda and DynamoDB, except those for a missing mapping or table.
 */
export async function changeFeedProblem(
  { lambda, dynamodb }: ChangeFeedClients,
  { mappingId, userTable }: ChangeFeedIds,
): Promise<string | undefined> {
  const [mapping, table] = await Promise.all([
    lambda.send(new GetEventSourceMappingCommand({ UUID: mappingId })).catch(undefinedFor(NoMappingError)),
    dynamodb.send(new DescribeTableCommand({ TableName: userTable })).catch(undefinedFor(NoTableError)),
  ]);
  const { State, LastProcessingResult, EventSourceArn } = mapping ?? {};
  const { StreamSpecification, LatestStreamArn } = table?.Table ?? {};
  if (!mapping) return 'its event source does not exist';
  if (!table) return 'the user table does not exist';
  if (!READING.includes(State ?? '')) return `its event source is ${State}`;
  if (!StreamSpecification?.StreamEnabled) return 'the user table has no stream';
  if (EventSourceArn !== LatestStreamArn)
    return `its event source reads ${EventSourceArn}, but the stream of the user table is ${LatestStreamArn}`;
  if (LastProcessingResult?.startsWith('PROBLEM')) return `its event source reports: ${LastProcessingResult}`;
  return undefined;
}

/** A handler of rejections that replaces errors of one class by undefined. */
const undefinedFor =
  (ErrorClass: new (...parameters: never[]) => Error) =>
  (error: unknown): undefined => {
    if (!(error instanceof ErrorClass)) throw error;
  };
