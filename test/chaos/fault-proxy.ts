import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Random } from '../simulator/traffic/random.ts';

/** How each service says that a caller is too fast, in its JSON protocol. */
const REFUSALS = {
  AWS_ENDPOINT_URL_DYNAMODB: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
  AWS_ENDPOINT_URL_SQS: 'com.amazonaws.sqs#RequestThrottled',
} as const;

/** Stands between the functions and the cloud's services, and lets a part of their calls fail. */
export interface FaultProxy {
  /** Part of the calls that are throttled, from 0 to 1. */
  throttleRate: number;
  /** Part of the calls whose answer is cut off after they had their effect, from 0 to 1. */
  cutOffRate: number;
  /** Calls that failed so far. */
  throttled: number;
  cutOff: number;
  /** Environment variables with which functions go through it. */
  between(environment: Readonly<Record<string, string>>): Promise<Record<string, string>>;
  stop(): void;
}

/** A proxy for DynamoDB and SQS; other services are called directly. */
export function faultProxy(random: Random): FaultProxy {
  const servers: ReturnType<typeof createServer>[] = [];
  const proxy: FaultProxy = {
    throttleRate: 0,
    cutOffRate: 0,
    throttled: 0,
    cutOff: 0,
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
      if (random() < proxy.throttleRate) {
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
          if (random() < proxy.cutOffRate) {
            proxy.cutOff++;
            answer.resume().once('end', () => outgoing.destroy());
            return;
          }
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
