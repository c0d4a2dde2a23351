import { Hono } from 'hono';
import { type Server, startServer } from './start-server.ts';

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

/**
 * Starts a service that speaks the AWS JSON protocol, on a free port of 127.0.0.1.
 *
 * @param target prefix of the operation in the header `x-amz-target`.
 */
export async function startJsonService(target: string, operations: Operations): Promise<Server> {
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
  return startServer(app);
}
