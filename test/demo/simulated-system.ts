import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { type LocalSystem, type LocalSystemOptions, startLocalSystem } from './local-system.ts';
import { simulatorClient } from './simulator-client.ts';
import { spawnSimulator } from './spawn-simulator.ts';

/** The system on this machine with the simulator as its CRM. */
export interface SimulatedSystem {
  simulator: RunningSimulator;
  /** The simulator's own side: it knows what the sync may write. */
  door: ReturnType<typeof simulatorClient>;
  system: LocalSystem;
  stop(): Promise<void>;
}

export interface SimulatedSystemOptions extends Omit<LocalSystemOptions, 'credentials'> {
  /** Whether the sync is let in by OAuth tokens, and not by a key. */
  oauth?: boolean;
  /** Options of `npm run simulator`. */
  simulator?: readonly string[];
  /** Sets the CRM up before the sync finds it; left out, it is told what today's mapping may write. */
  prepare?: (door: ReturnType<typeof simulatorClient>) => Promise<void>;
}

/** @throws as {@link startLocalSystem} and {@link spawnSimulator} do; nothing is left running then. */
export async function startSimulatedSystem(options: SimulatedSystemOptions): Promise<SimulatedSystem> {
  const simulator = await spawnSimulator(options.simulator ?? []);
  try {
    const door = simulatorClient(simulator.url);
    const { settings, prepare = () => door.declareOwnership() } = options;
    await prepare(door);
    const system = await startLocalSystem({
      ...options,
      settings: { ...settings, crm: { ...settings.crm, url: simulator.url } },
      credentials: options.oauth
        ? await door.authorized()
        : { kind: 'service-account-key', key: DEFAULT_TOKEN },
    });
    return {
      simulator,
      door,
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
