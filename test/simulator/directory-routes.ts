import { Hono } from 'hono';
import * as z from 'zod';
import { provincesOf } from './account/provinces.ts';
import { matches } from './account/search.ts';
import { notFound } from './contact-routes.ts';
import { nextPage, pageOf } from './paging.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const companySchema = z.object({ company_name: z.string().min(1) });

/**
 * `/users`, `/companies`, `/setting/application/configuration` and `/locales` of API v1: staff, companies, settings with the contact types,
 * and provinces.
 */
export function directoryRoutes({ directory, foreign, search }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/users', (context) => {
    const { items, ...page } = pageOf([...directory.staff.values()], context, 1000);
    const users = items.map(({ email, ...more }) => ({ email_address: email, status: 'Active', ...more }));
    return context.json({ users, ...page });
  });
  routes.get('/setting/application/configuration', (context) =>
    context.json({
      application: { company: { name: 'Example' }, time_zone: null },
      contact: { contact_types: directory.contactTypes.join(',') || null, phone_types: 'Work,Home,Mobile' },
    }),
  );
  routes.get('/locales/countries/:country/provinces', (context) => {
    const provinces = provincesOf(context.req.param('country'));
    return provinces ? context.json({ provinces }) : notFound(context);
  });
  routes.get('/companies', (context) => {
    const query = context.req.query('company_name');
    const found = [...directory.companies.values()].filter(({ name }) => matches(search.mode, query, name));
    const { items, ...page } = pageOf(found, context, 1000);
    return context.json({ companies: items.map(formatCompany), ...page });
  });
  routes.get('/companies/model', (context) =>
    context.json({ custom_fields: [], optional_properties: ['custom_fields', 'fax_number', 'notes'] }),
  );
  routes.get('/companies/:id{[0-9]+}', (context) => {
    const company = directory.companies.get(Number(context.req.param('id')));
    return company ? context.json(formatCompany(company)) : notFound(context);
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

const formatCompany = ({ name, ...more }: { id: number; name: string }) => ({ company_name: name, ...more });

const leadSourceSchema = z.object({ name: z.string().min(1) });
const DEFAULT_LEAD_SOURCES = 100;

/** `/leadSources` of API v2, where ids are strings and lists have page tokens. */
export function leadSourceRoutes({ directory, foreign, answers }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/', (context) => {
    const from = Number(context.req.query('page_token') ?? 0);
    const size = Number(context.req.query('page_size') ?? DEFAULT_LEAD_SOURCES);
    const all = [...directory.leadSources.values()];
    return context.json({
      lead_sources: all.slice(from, from + size).map(formatLeadSource),
      ...(from + size < all.length && nextPage(context, from + size, answers)),
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

const formatLeadSource = ({ id, name, ...more }: { id: number; name: string }) => ({
  id: String(id),
  name,
  status: 'ACTIVE',
  ...more,
});
