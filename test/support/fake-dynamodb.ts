import { Readable } from 'node:stream';
import { type AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { isConditionTrue } from './condition-expression.ts';

type Item = Record<string, AttributeValue>;

/** A request of DynamoDB's JSON protocol, with the parameters that the sync uses. */
interface Input {
  TableName?: string;
  Key?: Item;
  Item?: Item;
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Item;
  RequestItems?: Record<string, { Keys: Item[] }>;
}

/** What happens to the response of a successful write. `lost`: the connection breaks, and the SDK repeats the request. */
type Fate = 'returned' | 'lost';

export interface FakeDynamoDb {
  client: DynamoDBClient;
  /** Items by the value of their key. */
  items: Map<string, Item>;
  /** Number of requests of each action, including the SDK's own retries. */
  requests: Record<string, number>;
}

/**
 * DynamoDB in memory, for one table, with a real client of the SDK and its retries. A write is applied before its response is lost, as on
 * AWS.
 *
 * @param fateOf decides about the response before each write. Can wait, so that other writes are applied first.
 * @param between runs between a lost response and the SDK's next attempt.
 * @param now the clock of AWS, in epoch milliseconds. Each response has its time.
 */
export function fakeDynamoDb({
  fateOf = () => 'returned',
  between = async () => {},
  now = Date.now,
}: {
  fateOf?: () => Fate | Promise<Fate>;
  between?: () => Promise<unknown>;
  now?: () => number;
} = {}): FakeDynamoDb {
  const items = new Map<string, Item>();
  const requests: Record<string, number> = {};
  const answer = (statusCode: number, body: unknown) => ({
    response: {
      // The SDK accepts only a response of its own class.
      constructor: { name: 'HttpResponse' },
      statusCode,
      headers: { 'content-type': 'application/x-amz-json-1.0', date: new Date(now()).toUTCString() },
      body: Readable.from([Buffer.from(JSON.stringify(body))]),
    },
  });

  const write = async (action: string, input: Input) => {
    const key = keyOf(input.Item ?? input.Key ?? {});
    const fate = await fateOf();
    const found = items.get(key);
    if (!isConditionTrue(input, found))
      return answer(400, {
        __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException',
        message: 'The conditional request failed',
        ...(found && { Item: found }),
      });
    if (action === 'PutItem') items.set(key, input.Item ?? {});
    if (action === 'DeleteItem') items.delete(key);
    // The only update of the sync is SET crm = :crm.
    if (action === 'UpdateItem')
      items.set(key, { ...found, ...input.Key, crm: input.ExpressionAttributeValues?.[':crm'] ?? { M: {} } });
    if (fate === 'returned') return answer(200, {});
    await between();
    throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  };
  const handle = async ({ headers, body }: { headers: Record<string, string>; body: Uint8Array }) => {
    const action = headers['x-amz-target']?.split('.').at(-1) ?? '';
    requests[action] = (requests[action] ?? 0) + 1;
    const input = JSON.parse(new TextDecoder().decode(body)) as Input;
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
    // The SDK's type requires instances of its own classes.
    requestHandler: { handle } as never,
    retryStrategy: RETRY_AT_ONCE,
  });
  return { client, items, requests };
}

const keyOf = (item: Item): string => item['id']?.S ?? item['userId']?.S ?? '';

/** The SDK's three attempts, without a delay. */
const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
const RETRY_AT_ONCE = {
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
