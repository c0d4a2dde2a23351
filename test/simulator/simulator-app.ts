import { Hono } from 'hono';
import * as z from 'zod';
import { adminRoutes } from './admin-routes.ts';
import { BadRequestError, UnknownOwnerError } from './contact-body.ts';
import { contactRoutes } from './contact-routes.ts';
import { customFieldRoutes } from './custom-field-routes.ts';
import { directoryRoutes, leadSourceRoutes } from './directory-routes.ts';
import { emailAddressRoutes } from './email-address-routes.ts';
import { failForContacts } from './failing-contacts.ts';
import { rejectForbidden } from './forbidden-contacts.ts';
import { gateway } from './gateway.ts';
import { listingRoutes } from './listing-routes.ts';
import { missingValues } from './missing-values.ts';
import { oauthRoutes } from './oauth.ts';
import { recordRoutes } from './record-routes.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';
import { tagRoutes } from './tag-routes.ts';

const BASE = '/crm/rest/v1';
const BASE_V2 = '/crm/rest/v2';

/** All routes of the simulator, without a server. */
export function simulatorApp(simulator: Simulator): Hono<SimulatorEnv> {
  const app = new Hono<SimulatorEnv>();
  app.onError((error, context) => {
    if (error instanceof UnknownOwnerError)
      return context.json({ message: error.message }, simulator.answers.unknownOwner);
    if (error instanceof BadRequestError || error instanceof SyntaxError)
      return context.json({ message: error.message }, 400);
    if (error instanceof z.ZodError) return context.json({ message: z.prettifyError(error) }, 400);
    throw error;
  });
  app.use(async (_, next) => {
    await simulator.lateWrites.applyDue(simulator.now());
    await next();
  });
  app.use(
    `${BASE}/*`,
    gateway(simulator, BASE),
    missingValues(simulator),
    rejectForbidden(simulator),
    failForContacts(simulator),
  );
  app.route(`${BASE}/contacts/model`, customFieldRoutes(simulator));
  app.route(`${BASE}/contacts`, contactRoutes(simulator));
  app.route(`${BASE}/emailAddresses`, emailAddressRoutes(simulator));
  app.route(BASE, tagRoutes(simulator));
  app.route(BASE, directoryRoutes(simulator));
  app.route(BASE, recordRoutes(simulator));
  app.use(`${BASE_V2}/*`, gateway(simulator, '/crm/rest'), missingValues(simulator));
  app.route(`${BASE_V2}/leadSources`, leadSourceRoutes(simulator));
  app.route(BASE_V2, listingRoutes(simulator));
  app.route('/', oauthRoutes(simulator));
  app.get(`${BASE}/oauth/connect/userinfo`, (context) => context.json(simulator.oauth.person));
  app.route('/_simulator', adminRoutes(simulator));
  return app;
}
