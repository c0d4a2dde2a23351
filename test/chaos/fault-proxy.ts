import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Random } from '../simulator/traffic/random.ts';

/** The throttling error of each service in its JSON protocol. */
const THROTTLING_ERRORS = {
  AWS_ENDPOINT_URL_DYNAMODB: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
  AWS_ENDPOINT_URL_SQS: 'com.amazonaws.sqs#RequestThrottled',
} as const;

/** Longest time that a message is hidden, in seconds: a paused sync would hide it until the end of the run. */
const MAX_HIDDEN_SECONDS = 20;

/** The body of a ChangeMessageVisibility or a ChangeMessageVisibilityBatch with shorter times. */
function sooner(body: string, speed: number): string {
  const shorter = (name: string, value: unknown): unknown =>
    name === 'VisibilityTimeout' ? Math.min(MAX_HIDDEN_SECONDS, Math.ceil(Number(value) / speed)) : value;
  return JSON.stringify(JSON.parse(body, shorter));
}

/** A proxy between the functions and AWS services that makes some calls fail. */
export interface FaultProxy {
  /** Share of the calls that are throttled, from 0 to 1. */
  throttleRate: number;
  /** Share of the calls whose response is cut off after they took effect, from 0 to 1. */
  cutOffRate: number;
  /** Calls throttled so far. */
  throttled: number;
  /** Responses cut off so far. */
  cutOff: number;
  /** @returns the environment variables with endpoints of the proxy. */
  route(environment: Readonly<Record<string, string>>): Promise<Record<string, string>>;
  stop(): void;
}

/**
 * Creates a proxy for DynamoDB and SQS. Other services are called directly.
 *
 * @param speed how much faster the CRM is than the real one: postponed messages return as much sooner.
 */
export function faultProxy(random: Random, speed: number): FaultProxy {
  const servers: ReturnType<typeof createServer>[] = [];
  const proxy: FaultProxy = {
    throttleRate: 0,
    cutOffRate: 0,
    throttled: 0,
    cutOff: 0,
    async route(environment) {
      const endpoints = await Promise.all(
        Object.entries(THROTTLING_ERRORS).map(async ([name, errorType]) => {
          const upstream = new URL(environment[name] ?? '');
          return [name, await listen(upstream, errorType)] as const;
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
  const listen = async (upstream: URL, errorType: string): Promise<string> => {
    const server = createServer((incoming, outgoing) => {
      if (random() < proxy.throttleRate) {
        proxy.throttled++;
        incoming.resume();
        outgoing
          .writeHead(400, {
            'content-type': 'application/x-amz-json-1.0',
            'x-amzn-query-error': 'RequestThrottled;Sender',
          })
          .end(JSON.stringify({ __type: errorType, message: 'Throttled' }));
        return;
      }
      const { method, url, headers } = incoming;
      const hides = /\.ChangeMessageVisibility(Batch)?$/.test(String(headers['x-amz-target']));
      const { 'content-length': _, ...unsized } = headers;
      const forwarded = request(
        {
          host: upstream.hostname,
          port: upstream.port,
          method,
          path: url,
          headers: hides ? unsized : headers,
        },
        (response) => {
          if (random() < proxy.cutOffRate) {
            proxy.cutOff++;
            response.resume().once('end', () => outgoing.destroy());
            return;
          }
          outgoing.writeHead(response.statusCode ?? 500, response.headers);
          response.pipe(outgoing);
        },
      );
      forwarded.once('error', () => outgoing.destroy());
      if (hides) {
        // A call that is cut off here is repeated by the SDK.
        text(incoming).then(
          (body) => forwarded.end(sooner(body, speed)),
          () => forwarded.destroy(),
        );
      } else incoming.pipe(forwarded);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  return proxy;
}
