import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { createSimulator, type SimulatorOptions } from './simulator.ts';
import { simulatorApp } from './simulator-app.ts';

export interface RunningSimulator {
  /** Base URL, used instead of `https://api.infusionsoft.com`. */
  url: string;
  stop(): Promise<void>;
}

/** Idle time-out of a connection: the default of AWS load balancers. */
const KEEP_ALIVE_MS = 60_000;

/** Starts the simulator on 127.0.0.1, on a free port unless the options name one. */
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
