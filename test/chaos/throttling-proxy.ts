import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Random } from '../simulator/random.ts';

/** How each service says that a caller is too fast, in its JSON protocol. */
const REFUSALS = {
  AWS_ENDPOINT_URL_DYNAMODB: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
  AWS_ENDPOINT_URL_SQS: 'com.amazonaws.sqs#RequestThrottled',
} as const;

/** Stands between the functions and the cloud's services, and throttles a part of their calls. */
export interface ThrottlingProxy {
  /** Part of the calls that are throttled, from 0 to 1. */
  rate: number;
  /** Calls throttled so far. */
  throttled: number;
  /** Environment variables with which functions go through it. */
  between(environment: Readonly<Record<string, string>>): Promise<Record<string, string>>;
  stop(): void;
}

/** A proxy for DynamoDB and SQS; other services are called directly. */
export function throttlingProxy(random: Random): ThrottlingProxy {
  const servers: ReturnType<typeof createServer>[] = [];
  const proxy: ThrottlingProxy = {
    rate: 0,
    throttled: 0,
    async between(environment) {
      const endpoints = await Promise.all(
        Object.entries(REFUSALS).map(async ([name, refusal]) => {
          const upstream = new URL(environment[name] ?? '');
          return [name, await listen(upstream, refusal)] as const;
        }),
      );
      return { ...environment, ...Object.fromEntries(endpoints) };
    },
    stop() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
  const listen = async (upstream: URL, refusal: string): Promise<string> => {
    const server = createServer((incoming, outgoing) => {
      if (random() < proxy.rate) {
        proxy.throttled++;
        incoming.resume();
        outgoing
          .writeHead(400, {
            'content-type': 'application/x-amz-json-1.0',
            'x-amzn-query-error': 'RequestThrottled;Sender',
          })
          .end(JSON.stringify({ __type: refusal, message: 'Too fast' }));
        return;
      }
      const { method, url, headers } = incoming;
      const passed = request(
        { host: upstream.hostname, port: upstream.port, method, path: url, headers },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(outgoing);
        },
      );
      passed.once('error', () => outgoing.destroy());
      incoming.pipe(passed);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  return proxy;
}
