import { Hono } from 'hono';
import * as z from 'zod';
import { matches } from './account/search.ts';
import { pageOf } from './paging.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const companySchema = z.object({ company_name: z.string().min(1) });

/** `/users`, `/companies` and `/setting/contact/optionTypes` of API v1: staff, companies and contact types. */
export function directoryRoutes({ directory, foreign, search }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/users', (context) => {
    const { items, ...page } = pageOf([...directory.staff.values()], context, 1000);
    const users = items.map(({ id, email }) => ({ id, email_address: email, status: 'Active' }));
    return context.json({ users, ...page });
  });
  routes.get('/setting/contact/optionTypes', (context) =>
    context.json({ value: directory.contactTypes.join(',') }),
  );
  routes.get('/companies', (context) => {
    const query = context.req.query('company_name');
    const found = [...directory.companies.values()].filter(({ name }) => matches(search.mode, query, name));
    const { items, ...page } = pageOf(found, context, 1000);
    return context.json({ companies: items.map(formatCompany), ...page });
  });
  routes.post('/companies', async (context) => {
    const body = companySchema.safeParse(await context.req.json());
    if (!body.success) return context.json({ message: z.prettifyError(body.error) }, 400);
    const company = directory.createCompany(body.data.company_name);
    foreign.resourceCreated('company', company.name);
    return context.json(formatCompany(company), 201);
  });
  return routes;
}

const formatCompany = ({ id, name }: { id: number; name: string }) => ({ id, company_name: name });

const leadSourceSchema = z.object({ name: z.string().min(1) });
const DEFAULT_LEAD_SOURCES = 100;

/** `/leadSources` of API v2, where ids are strings and lists have page tokens. */
export function leadSourceRoutes({ directory, foreign }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/', (context) => {
    const from = Number(context.req.query('page_token') ?? 0);
    const size = Number(context.req.query('page_size') ?? DEFAULT_LEAD_SOURCES);
    const all = [...directory.leadSources.values()];
    const next = from + size < all.length ? String(from + size) : null;
    return context.json({
      lead_sources: all.slice(from, from + size).map(formatLeadSource),
      ...(next && { next_page_token: next }),
    });
  });
  routes.post('/', async (context) => {
    if (!directory.allowsLeadSources) return context.json({ message: 'Forbidden' }, 403);
    const body = leadSourceSchema.safeParse(await context.req.json());
    if (!body.success) return context.json({ message: z.prettifyError(body.error) }, 400);
    foreign.resourceCreated('lead source', body.data.name);
    return context.json(formatLeadSource(directory.createLeadSource(body.data.name)), 201);
  });
  return routes;
}

const formatLeadSource = ({ id, name }: { id: number; name: string }) => ({
  id: String(id),
  name,
  status: 'ACTIVE',
});
