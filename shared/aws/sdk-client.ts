/** What all clients of the AWS SDK take. Lambda tells the region and the credentials of a function by itself. */
interface ClientConfig {
  region?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
  endpoint?: string;
}

interface Client {
  middlewareStack: { remove(name: string): boolean };
}

/**
 * A client of the AWS SDK for many calls, each of which takes less of the processor than by default: its middleware is put together once
 * for each kind of call (AWS SDK for JavaScript, `SmithyConfiguration`), and no input or output is copied for the SDK's logger, which
 * writes nothing unless one is given.
 *
 * @example const dynamodb = sdkClient(DynamoDBClient);
 */
export function sdkClient<Of extends Client>(
  Kind: new (config: ClientConfig & { cacheMiddleware: boolean }) => Of,
  config: ClientConfig = {},
): Of {
  const client = new Kind({ ...config, cacheMiddleware: true });
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}
