import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Simulator, SimulatorEnv } from './simulator.ts';
import type { FaultKind } from './traffic/faults.ts';
import { tooManyRequests } from './traffic/rate-limits.ts';

const INVALID_TOKEN = {
  fault: {
    faultstring: 'Invalid Access Token',
    detail: { errorcode: 'keymanagement.service.invalid_access_token' },
  },
};

/** Writes that can take effect late. For all other requests, the fault `late` is a `hang` without an effect. */
const LATE_WRITES =
  /^(PUT|PATCH) .*\/(contacts(\/\d+)?|emailAddresses\/[^/]+)$|^(POST|DELETE) .*\/(contacts\/\d+\/tags|tags\/\d+\/contacts)$/;

/** Middleware in front of the API: authenticates, enforces the rate limits, adds latency, injects faults, and counts. */
export function gateway(simulator: Simulator, base: string): MiddlewareHandler<SimulatorEnv> {
  const { tokens, limits, statistics, faults, lateWrites, drawLatencyMs, drawDelayMs, now, limitHeaders } =
    simulator;
  return async (context, next) => {
    const delayMs = drawDelayMs();
    if (delayMs > 0) await sleep(delayMs);
    const arrivedAt = now();
    statistics.arrived(arrivedAt);
    const key =
      context.req.header('x-keap-api-key') ?? context.req.header('authorization')?.replace(/^Bearer /, '');
    if (!key || !(tokens.has(key) || simulator.oauth.isValid(key))) {
      statistics.count('unauthorized');
      return context.json(INVALID_TOKEN, 401);
    }
    const exceeded = limits.admit(arrivedAt);
    if (limitHeaders) {
      for (const [name, value] of Object.entries(limits.headers(arrivedAt))) context.header(name, value);
    }
    if (exceeded) {
      statistics.count('throttled');
      return context.json(tooManyRequests(exceeded, limits.limits), 429);
    }

    statistics.admitted(arrivedAt);

    let latency: Promise<void> | undefined;
    const latencyMs = drawLatencyMs();
    const wait = () => {
      latency ??= latencyMs > 0 ? sleep(latencyMs) : Promise.resolve();
      return latency;
    };
    context.set('wait', wait);
    const fault = faults.next();
    if (fault) statistics.count('faults');
    if (fault?.kind === 'late' && LATE_WRITES.test(`${context.req.method} ${context.req.path}`)) {
      // Reads the body now: after the connection breaks, it cannot be read.
      await context.req.text();
      lateWrites.add(arrivedAt + faults.plan.lateMs, next);
    }
    if (!fault || fault.afterEffect || fault.kind === 'slow') await next();
    await wait();
    if (fault?.kind === 'slow') await sleepUnref(faults.plan.slowMs);
    statistics.answered(
      `${context.req.method} ${fault && fault.kind !== 'slow' ? '(fault)' : routeOf(context, base)}`,
    );
    if (fault && fault.kind !== 'slow') context.res = await fail(fault.kind, simulator, context);
    return undefined;
  };
}

/** The route pattern with `{id}` in place of ids. */
function routeOf(context: Context, base: string): string {
  return routePath(context, -1)
    .replace(base, '')
    .replaceAll(':id{[0-9]+}', '{id}')
    .replace(':email', '{email}')
    .replace(':country', '{country}');
}

async function fail(
  kind: Exclude<FaultKind, 'slow'>,
  { faults, limits }: Simulator,
  context: Context<SimulatorEnv>,
): Promise<Response> {
  switch (kind) {
    case 'server-error':
      return Response.json(
        { message: 'java.lang.NullPointerException\n\tat com.example.Api.call' },
        { status: 500 },
      );
    case 'unavailable':
      return new Response('upstream connect error', { status: 503 });
    case 'html':
      return new Response('<html><body><h1>502 Bad Gateway</h1></body></html>', {
        status: 502,
        headers: { 'content-type': 'text/html' },
      });
    case 'truncated':
      return new Response('{"id": 12, "given_na', { headers: { 'content-type': 'application/json' } });
    case 'empty':
      return new Response(null, { status: 500 });
    case 'spike':
      return Response.json(tooManyRequests('second', limits.limits), { status: 429 });
    case 'quota':
      return Response.json(tooManyRequests('minute', limits.limits), { status: 429 });
    case 'account-limit':
      return Response.json({ message: 'Too many requests' }, { status: 429 });
    case 'unauthorized':
      return Response.json(INVALID_TOKEN, { status: 401 });
    case 'hang':
    case 'late':
      await sleepUnref(faults.plan.hangMs);
      return breakConnection(context);
    case 'reset':
      return breakConnection(context);
  }
}

/** Sleeps without keeping the process alive. */
function sleepUnref(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}

function breakConnection({ env }: Context<SimulatorEnv>): Response {
  env.outgoing.destroy();
  return new Response(null, { status: 500 });
}
