import type { ConfigInput } from '../../infra/config.ts';
import { PRESETS } from '../../shared/quota/limits.ts';
import { type DynamoDbLocal, startDynamoDbLocal } from '../local-cloud/emulators/dynamodb-local.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { DEMO_SLACK_MS } from './busy-machine.ts';
import { localAssembly } from './local-assembly.ts';
import { spawnSimulator } from './spawn-simulator.ts';

export interface DemoOptions {
  users: number;
  /** Origin of another CRM, instead of the simulator. */
  crmUrl: string | undefined;
  token: string | undefined;
  /** Requests a second. */
  rate: number;
  seed: number;
}

/** Other processes of a run, which may still be starting. */
export interface DemoProcesses {
  /** Undefined with another CRM. */
  simulator: Promise<RunningSimulator> | undefined;
  dynamodbLocal: Promise<DynamoDbLocal>;
  /** Ends those that have started. */
  stop(): Promise<void>;
}

/** Settings of the stack, apart from the address of the CRM. */
export const demoSettings = ({ rate }: DemoOptions) =>
  ({
    crm: {
      limits: { ...PRESETS.team, second: rate, minute: rate * 60 },
      windowSlackMs: DEMO_SLACK_MS,
    },
  }) satisfies ConfigInput;

/**
 * Starts what takes longest to start: the bundling of the functions, the JVM of DynamoDB Local, and the simulator. All are other processes,
 * so they start while this process still loads the modules of the run. For this, the file imports little.
 *
 * Never throws: a process that does not start rejects its promise.
 */
export function startDemoProcesses(options: DemoOptions): DemoProcesses {
  const { crmUrl, rate, seed } = options;
  const args = { second: rate, minute: rate * 60, seed };
  const simulator =
    crmUrl === undefined
      ? spawnSimulator(Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]))
      : undefined;
  const dynamodbLocal = startDynamoDbLocal();
  const ignore = () => undefined;
  // `startLocalSystem` waits for the same bundles.
  localAssembly(demoSettings(options)).catch(ignore);
  simulator?.catch(ignore);
  dynamodbLocal.catch(ignore);
  return {
    simulator,
    dynamodbLocal,
    async stop() {
      await Promise.all([simulator, dynamodbLocal].map((each) => each?.then(({ stop }) => stop(), ignore)));
    },
  };
}
