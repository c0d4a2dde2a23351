import { once } from 'node:events';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';

/** An error of an AWS service: HTTP 400, with a type that the SDK maps to an error class. */
export class ServiceError extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** Operations of a service by name. Each takes the request body and returns the response body. */
export type Operations = ReadonlyMap<string, (request: unknown) => Record<string, unknown>>;

export interface JsonService {
  endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts a service that speaks the AWS JSON protocol, on a free port of 127.0.0.1.
 *
 * @param target prefix of the operation in the header `x-amz-target`.
 */
export async function startJsonService(target: string, operations: Operations): Promise<JsonService> {
  const app = new Hono().post('/', async (context) => {
    const name = context.req.header('x-amz-target')?.replace(`${target}.`, '') ?? '';
    try {
      const perform = operations.get(name);
      if (!perform)
        throw new ServiceError('UnknownOperationException', `The local cloud does not support ${name}.`);
      return context.json(perform(await context.req.json()));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return context.json({ __type: error.type, message: error.message, Message: error.message }, 400);
    }
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error(`${target} has no port.`);
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    async stop() {
      if ('closeAllConnections' in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
