import type { MiddlewareHandler } from 'hono';
import type { Simulator, SimulatorEnv } from './simulator.ts';

/** Leaves out properties that are null, and makes empty lists null or leaves them out, as the answer forms `nulls` and `emptyLists` say. */
export function missingValues({ answers }: Simulator): MiddlewareHandler<SimulatorEnv> {
  return async (context, next) => {
    await next();
    const { res } = context;
    const isComplete = answers.nulls && answers.emptyLists;
    if (isComplete || !res.headers.get('content-type')?.startsWith('application/json')) return;
    const nothing = answers.nulls ? null : undefined;
    const shown = (key: string, value: unknown) => {
      const isEmptyList = Array.isArray(value) && value.length === 0 && key !== '' && !answers.emptyLists;
      return value === null || isEmptyList ? nothing : value;
    };
    context.res = new Response(JSON.stringify(JSON.parse(await res.text(), shown)), res);
  };
}
