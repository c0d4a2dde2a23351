import { Readable } from 'node:stream';
import { type AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { conditionHolds } from './condition-expression.ts';

type Item = Record<string, AttributeValue>;

/** A request of DynamoDB's JSON protocol, as far as the sync makes them. */
interface Input {
  TableName?: string;
  Key?: Item;
  Item?: Item;
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Item;
  RequestItems?: Record<string, { Keys: Item[] }>;
}

/** What happens to the answer of a write that was applied. `lost`: the connection is cut off, and the SDK tries again. */
type Fate = 'answered' | 'lost';

export interface FakeDynamoDb {
  client: DynamoDBClient;
  /** Items by the value of their key. */
  items: Map<string, Item>;
  /** Requests of each kind, the SDK's own retries included. */
  requests: Record<string, number>;
}

/**
 * DynamoDB in memory, for one table: a real client of the SDK, with its own retries, talks to it. A write is applied before its answer can
 * be lost, as on AWS.
 *
 * @param fateOf decides before each write that is to be applied; may wait, so that others come first.
 * @param between runs between a lost answer and the SDK's next try.
 */
export function fakeDynamoDb({
  fateOf = () => 'answered',
  between = async () => {},
}: {
  fateOf?: () => Fate | Promise<Fate>;
  between?: () => Promise<unknown>;
} = {}): FakeDynamoDb {
  const items = new Map<string, Item>();
  const requests: Record<string, number> = {};

  const write = async (action: string, input: Input) => {
    const key = keyOf(input.Item ?? input.Key ?? {});
    const fate = await fateOf();
    const found = items.get(key);
    if (!conditionHolds(input, found))
      return answer(400, {
        __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException',
        message: 'The conditional request failed',
        ...(found && { Item: found }),
      });
    if (action === 'PutItem') items.set(key, input.Item ?? {});
    if (action === 'DeleteItem') items.delete(key);
    // The one update that the sync makes: SET crm = :crm.
    if (action === 'UpdateItem')
      items.set(key, { ...found, ...input.Key, crm: input.ExpressionAttributeValues?.[':crm'] ?? { M: {} } });
    if (fate === 'answered') return answer(200, {});
    await between();
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  };
  const handle = async ({ headers, body }: { headers: Record<string, string>; body: Uint8Array }) => {
    const action = headers['x-amz-target']?.split('.').at(-1) ?? '';
    requests[action] = (requests[action] ?? 0) + 1;
    const input = JSON.parse(Buffer.from(body).toString()) as Input;
    if (action === 'GetItem') return answer(200, { Item: items.get(keyOf(input.Key ?? {})) });
    if (action !== 'BatchGetItem') return write(action, input);
    const Responses = Object.entries(input.RequestItems ?? {}).map(([table, { Keys }]) => [
      table,
      Keys.map((key) => items.get(keyOf(key))).filter((item) => item !== undefined),
    ]);
    return answer(200, { Responses: Object.fromEntries(Responses), UnprocessedKeys: {} });
  };
  const client = new DynamoDBClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    // The SDK types a handler by classes of its own.
    requestHandler: { handle } as never,
    retryStrategy: AT_ONCE,
  });
  return { client, items, requests };
}

const keyOf = (item: Item): string => item['id']?.S ?? item['userId']?.S ?? '';

const answer = (statusCode: number, body: unknown) => ({
  response: {
    statusCode,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: Readable.from([Buffer.from(JSON.stringify(body))]),
  },
});

/** The SDK's three attempts, without the rests between them. */
const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
const AT_ONCE = {
  mode: 'standard',
  acquireInitialRetryToken: async () => token(0),
  refreshRetryTokenForRetry: async (
    { getRetryCount }: ReturnType<typeof token>,
    { errorType }: { errorType: string },
  ) => {
    if (errorType === 'CLIENT_ERROR' || getRetryCount() >= 2) throw new Error('No retry');
    return token(getRetryCount() + 1);
  },
  recordSuccess: () => {},
};
