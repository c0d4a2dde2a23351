import { Hono } from 'hono';
import * as z from 'zod';
import { pageOf } from './paging.ts';
import { isFound } from './search-mode.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const companySchema = z.object({ company_name: z.string().min(1) });

/** `/users`, `/companies` and `/setting/contact/optionTypes`: staff, companies, and the names of contact types. */
export function peopleRoutes({ directory, foreign, search }: Simulator): Hono<SimulatorEnv> {
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
    const wanted = context.req.query('company_name');
    const found = [...directory.companies.values()].filter(({ name }) => isFound(search.mode, wanted, name));
    const { items, ...page } = pageOf(found, context, 1000);
    return context.json({ companies: items.map(format), ...page });
  });
  routes.post('/companies', async (context) => {
    const body = companySchema.safeParse(await context.req.json());
    if (!body.success) return context.json({ message: z.prettifyError(body.error) }, 400);
    const company = directory.createCompany(body.data.company_name);
    foreign.created('company', company.name);
    return context.json(format(company), 201);
  });
  return routes;
}

const format = ({ id, name }: { id: number; name: string }) => ({ id, company_name: name });
