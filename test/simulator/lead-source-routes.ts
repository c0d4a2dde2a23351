import { Hono } from 'hono';
import * as z from 'zod';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const leadSourceSchema = z.object({ name: z.string().min(1) });
const DEFAULT_PAGE = 100;

/** `/v2/leadSources`: ids are texts there, and pages have tokens. */
export function leadSourceRoutes({ directory, foreign }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/', (context) => {
    const from = Number(context.req.query('page_token') ?? 0);
    const size = Number(context.req.query('page_size') ?? DEFAULT_PAGE);
    const all = [...directory.leadSources.values()];
    const next = from + size < all.length ? String(from + size) : null;
    return context.json({
      lead_sources: all.slice(from, from + size).map(format),
      ...(next && { next_page_token: next }),
    });
  });
  routes.post('/', async (context) => {
    if (!directory.allowsLeadSources) return context.json({ message: 'Forbidden' }, 403);
    const body = leadSourceSchema.safeParse(await context.req.json());
    if (!body.success) return context.json({ message: z.prettifyError(body.error) }, 400);
    foreign.created('lead source', body.data.name);
    return context.json(format(directory.createLeadSource(body.data.name)), 201);
  });
  return routes;
}

const format = ({ id, name }: { id: number; name: string }) => ({ id: String(id), name, status: 'ACTIVE' });
