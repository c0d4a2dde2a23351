import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { type LocalSystem, type LocalSystemOptions, startLocalSystem } from './local-system.ts';
import { simulatorClient } from './simulator-client.ts';
import { spawnSimulator } from './spawn-simulator.ts';

/** The system on this machine with the simulator as its CRM. */
export interface SimulatedSystem {
  simulator: RunningSimulator;
  /** Client of the simulator's control API. */
  controlApi: ReturnType<typeof simulatorClient>;
  system: LocalSystem;
  stop(): Promise<void>;
}

export interface SimulatedSystemOptions extends Omit<LocalSystemOptions, 'credentials'> {
  /** Whether the sync uses OAuth tokens instead of a key. */
  oauth?: boolean;
  /** Options of `npm run simulator`. */
  simulator?: readonly string[];
  /** Prepares the CRM before the system starts. Default: declares what the current mapping may write. */
  prepare?: (controlApi: ReturnType<typeof simulatorClient>) => Promise<void>;
}

/** @throws like {@link startLocalSystem} and {@link spawnSimulator}. Nothing keeps running then. */
export async function startSimulatedSystem(options: SimulatedSystemOptions): Promise<SimulatedSystem> {
  const simulator = await spawnSimulator(options.simulator ?? []);
  try {
    const controlApi = simulatorClient(simulator.url);
    const { settings, prepare = () => controlApi.declareOwnership() } = options;
    await prepare(controlApi);
    const system = await startLocalSystem({
      ...options,
      settings: { ...settings, crm: { ...settings.crm, url: simulator.url } },
      credentials: options.oauth
        ? await controlApi.authorized()
        : { kind: 'service-account-key', key: DEFAULT_TOKEN },
    });
    return {
      simulator,
      controlApi,
      system,
      async stop() {
        try {
          await system.stop();
        } finally {
          await simulator.stop();
        }
      },
    };
  } catch (error) {
    await simulator.stop();
    throw error;
  }
}
