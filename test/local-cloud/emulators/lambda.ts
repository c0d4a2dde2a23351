import { Hono } from 'hono';
import { type Server, startServer } from './start-server.ts';

/** An event source mapping, as GetEventSourceMapping returns it. */
interface EventSourceMapping {
  UUID: string;
  EventSourceArn: string;
  FunctionArn: string;
  State: 'Enabled' | 'Disabled';
}

export interface Lambda extends Server {
  /** By UUID. */
  mappings: Map<string, EventSourceMapping>;
}

/** Starts a Lambda API with `GetEventSourceMapping`, on a free port of 127.0.0.1. */
export async function startLambda(): Promise<Lambda> {
  const mappings: Lambda['mappings'] = new Map();
  const app = new Hono();
  app.get('/2015-03-31/event-source-mappings/:id', (context) => {
    const mapping = mappings.get(context.req.param('id'));
    if (mapping) return context.json(mapping);
    const message = 'The resource you requested does not exist.';
    return context.json({ Type: 'User', Message: message }, 404, {
      'x-amzn-errortype': 'ResourceNotFoundException',
    });
  });
  app.notFound((context) => {
    const message = `The local cloud does not support ${context.req.method} ${context.req.path} of Lambda.`;
    return context.json({ message }, 400, { 'x-amzn-errortype': 'UnknownOperationException' });
  });
  return { ...(await startServer(app)), mappings };
}
