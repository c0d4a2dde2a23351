import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import * as z from 'zod';
import { adminRoutes } from './admin-routes.ts';
import { BadRequest } from './contact-body.ts';
import { contactRoutes } from './contact-routes.ts';
import { gateway } from './gateway.ts';
import { leadSourceRoutes } from './lead-source-routes.ts';
import { modelRoutes } from './model-routes.ts';
import { oauthRoutes } from './oauth-routes.ts';
import { peopleRoutes } from './people-routes.ts';
import { createSimulator, type SimulatorEnv, type SimulatorOptions } from './simulator.ts';
import { tagRoutes } from './tag-routes.ts';

export interface RunningSimulator {
  /** Origin, in place of `https://api.infusionsoft.com`. */
  url: string;
  stop(): Promise<void>;
}

const BASE = '/crm/rest/v1';
const BASE_V2 = '/crm/rest/v2';

/** Starts a CRM that speaks the Infusionsoft REST API v1 on this machine, on a free port unless one is named. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<RunningSimulator> {
  const simulator = createSimulator(options);
  const app = new Hono<SimulatorEnv>();
  app.onError((error, context) => {
    if (error instanceof BadRequest || error instanceof SyntaxError)
      return context.json({ message: error.message }, 400);
    if (error instanceof z.ZodError) return context.json({ message: z.prettifyError(error) }, 400);
    throw error;
  });
  app.use(`${BASE}/*`, gateway(simulator, BASE));
  app.route(`${BASE}/contacts/model`, modelRoutes(simulator));
  app.route(`${BASE}/contacts`, contactRoutes(simulator));
  app.route(BASE, tagRoutes(simulator));
  app.route(BASE, peopleRoutes(simulator));
  app.use(`${BASE_V2}/*`, gateway(simulator, '/crm/rest'));
  app.route(`${BASE_V2}/leadSources`, leadSourceRoutes(simulator));
  app.route('/', oauthRoutes(simulator));
  app.get(`${BASE}/oauth/connect/userinfo`, (context) => context.json(simulator.oauth.person));
  app.route('/_simulator', adminRoutes(simulator));

  return new Promise((resolve, reject) => {
    const server = serve(
      { fetch: app.fetch, hostname: '127.0.0.1', port: options.port ?? 0 },
      ({ port }: AddressInfo) =>
        resolve({
          url: `http://127.0.0.1:${port}`,
          stop: () =>
            new Promise((stopped) => {
              server.close(() => stopped());
              if ('closeAllConnections' in server) server.closeAllConnections();
            }),
        }),
    );
    server.once('error', reject);
  });
}
