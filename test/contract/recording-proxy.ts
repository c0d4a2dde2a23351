import { Hono } from 'hono';
import { startServer } from '../local-cloud/emulators/start-server.ts';
import { withoutConnection } from '../support/without-connection.ts';

/** A request and its answer, as they were sent. */
export interface Exchange {
  /** Upper case. */
  method: string;
  /** Path and query. */
  url: string;
  request: { headers: Readonly<Record<string, string>>; body: string };
  answer: { status: number; headers: Readonly<Record<string, string>>; body: string };
}

/** A proxy that keeps all requests and answers. */
export interface RecordingProxy {
  /** Base URL, used instead of the CRM's. */
  url: string;
  exchanges: readonly Exchange[];
  stop(): Promise<void>;
}

/** Starts a proxy on 127.0.0.1. It forwards bodies as they are. */
export async function recordingProxy(upstream: string): Promise<RecordingProxy> {
  const exchanges: Exchange[] = [];
  const app = new Hono().all('*', async (context) => {
    const { method, raw } = context.req;
    const { pathname, search } = new URL(raw.url);
    const body = await context.req.text();
    const response = await fetch(upstream + pathname + search, {
      method,
      headers: withoutConnection(raw.headers),
      // A redirect is the answer.
      redirect: 'manual',
      ...(body !== '' && { body }),
    });
    const answer = await response.text();
    exchanges.push({
      method,
      url: pathname + search,
      request: { headers: Object.fromEntries(raw.headers), body },
      answer: { status: response.status, headers: Object.fromEntries(response.headers), body: answer },
    });
    return new Response(answer === '' ? null : answer, {
      status: response.status,
      headers: withoutConnection(response.headers),
    });
  });
  const { endpoint, stop } = await startServer(app);
  return { url: endpoint, exchanges, stop };
}
