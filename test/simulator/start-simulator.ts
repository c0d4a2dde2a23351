import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { createSimulator, type SimulatorOptions } from './simulator.ts';
import { simulatorApp } from './simulator-app.ts';

export interface RunningSimulator {
  /** Origin, in place of `https://api.infusionsoft.com`. */
  url: string;
  stop(): Promise<void>;
}

/** How long a connection is kept for the next request, in milliseconds: as load balancers do (AWS's: a minute). */
const KEEP_ALIVE_MS = 60_000;

/** Starts a CRM that speaks the Infusionsoft REST API v1 on this machine, on a free port unless one is named. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<RunningSimulator> {
  const app = simulatorApp(createSimulator(options));
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
    if ('keepAliveTimeout' in server) server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.once('error', reject);
  });
}
