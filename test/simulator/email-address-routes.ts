import { Hono } from 'hono';
import * as z from 'zod';
import { EMAIL_PATHS } from './account/contact-store.ts';
import { ADDRESS_STATUS_NAMES, isMarketable } from './account/email-addresses.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

/** `UpdateEmailAddress` of API v1. */
const updateSchema = z.strictObject({ opted_in: z.boolean(), reason: z.string().min(1) });

/** `/emailAddresses`: opts an address in or out. An address that no contact has is not found. */
export function emailAddressRoutes({ store, hidden, forbidden, now }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.put('/:email', async (context) => {
    const email = context.req.param('email');
    if (forbidden.has(email.toLowerCase())) return context.json({ message: 'Forbidden' }, 403);
    const isShown = [...store.contacts.values()].some(
      ({ id, values }) =>
        !hidden.isHidden(id, now()) &&
        EMAIL_PATHS.some((path) => values.get(path)?.toLowerCase() === email.toLowerCase()),
    );
    if (!isShown) return context.json({ message: 'Unable to find this Email Address' }, 404);
    const body = updateSchema.safeParse(await context.req.json());
    if (!body.success) return context.json({ message: z.prettifyError(body.error) }, 400);
    if (body.data.opted_in) store.addresses.optIn(email);
    else store.addresses.withdraw(email);
    const { status } = store.addresses.get(email);
    return context.json({ email, opted_in: isMarketable(status), status: ADDRESS_STATUS_NAMES[status] });
  });
  return routes;
}
