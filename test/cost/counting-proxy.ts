import { Hono } from 'hono';
import * as z from 'zod';
import { type Server, startServer } from '../local-cloud/emulators/start-server.ts';
import { sum } from '../support/sum.ts';
import { withoutConnection } from '../support/without-connection.ts';

/** Calls of one operation on one resource, and the capacity that they consumed. */
interface CallCount {
  calls: number;
  readUnits: number;
  writeUnits: number;
}

/** Counts the calls of functions to the services of the cloud. */
export interface CountingProxy {
  /** By service, operation and resource: `DynamoDB UpdateItem UsersTable`. */
  counts(): ReadonlyMap<string, CallCount>;
  /** Environment variables with which functions use the proxy. */
  between(environment: Readonly<Record<string, string>>): Promise<Record<string, string>>;
  stop(): Promise<void>;
}

/** Services that bill by call, by the variable with their endpoint. Step Functions bills only transitions. */
const SERVICES = {
  AWS_ENDPOINT_URL_DYNAMODB: 'DynamoDB',
  AWS_ENDPOINT_URL_SQS: 'SQS',
  AWS_ENDPOINT_URL_SECRETS_MANAGER: 'Secrets Manager',
} as const;
/** Operations that return their consumed capacity on request (DynamoDB API reference, `ReturnConsumedCapacity`). */
const READS = new Set(['GetItem', 'BatchGetItem', 'Query', 'Scan']);
const WRITES = new Set(['PutItem', 'UpdateItem', 'DeleteItem']);
const requestSchema = z.looseObject({
  TableName: z.string().optional(),
  RequestItems: z.record(z.string(), z.unknown()).optional(),
  QueueUrl: z.string().optional(),
});
const capacitySchema = z.object({ CapacityUnits: z.number() });
/** A batch call returns the capacity of each table. */
const answerSchema = z.looseObject({
  ConsumedCapacity: z.union([capacitySchema, z.array(capacitySchema)]).optional(),
});

export function countingProxy(): CountingProxy {
  const counted = new Map<string, CallCount>();
  const servers: Server[] = [];
  const count = (key: string, { readUnits = 0, writeUnits = 0 }) => {
    const before = counted.get(key) ?? { calls: 0, readUnits: 0, writeUnits: 0 };
    counted.set(key, {
      calls: before.calls + 1,
      readUnits: before.readUnits + readUnits,
      writeUnits: before.writeUnits + writeUnits,
    });
  };

  const listen = async (upstream: string, service: string): Promise<string> => {
    const app = new Hono().post('*', async (context) => {
      const operation = context.req.header('x-amz-target')?.split('.').at(-1) ?? '';
      const request = requestSchema.parse(await context.req.json());
      const returnsCapacity = service === 'DynamoDB' && (READS.has(operation) || WRITES.has(operation));
      const answer = await fetch(new URL(context.req.path, upstream), {
        method: 'POST',
        headers: withoutConnection(context.req.raw.headers),
        body: JSON.stringify({ ...request, ...(returnsCapacity && { ReturnConsumedCapacity: 'TOTAL' }) }),
      });
      const text = await answer.text();
      const units = returnsCapacity ? unitsOf(operation, text) : 0;
      count([service, operation, resourceOf(request)].filter(Boolean).join(' '), {
        [WRITES.has(operation) ? 'writeUnits' : 'readUnits']: units,
      });
      return new Response(text, { status: answer.status, headers: withoutConnection(answer.headers) });
    });
    const server = await startServer(app);
    servers.push(server);
    return server.endpoint;
  };

  return {
    counts: () => new Map(counted),
    async between(environment) {
      const endpoints = await Promise.all(
        Object.entries(SERVICES).map(
          async ([name, service]) => [name, await listen(environment[name] ?? '', service)] as const,
        ),
      );
      return { ...environment, ...Object.fromEntries(endpoints) };
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** A write whose condition fails is billed too, but returns no capacity. Items with conditions are small: one unit. */
function unitsOf(operation: string, answer: string): number {
  const { ConsumedCapacity } = answerSchema.parse(JSON.parse(answer));
  if (!ConsumedCapacity) return Number(WRITES.has(operation));
  return sum([ConsumedCapacity].flat().map(({ CapacityUnits }) => CapacityUnits));
}

/** Table or queue of a request. */
function resourceOf({ TableName, RequestItems = {}, QueueUrl }: z.output<typeof requestSchema>): string {
  return TableName ?? QueueUrl?.split('/').at(-1) ?? Object.keys(RequestItems).join(' ');
}
