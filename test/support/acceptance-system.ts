import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { commandsOn } from './command.ts';
import { inSyncWith } from './in-sync-with.ts';

const SETTLE_MS = 60_000;
/** Duration of a run with four users: it makes at most two requests to the CRM per second. */
const RUN_MS = 25_000;
const USERS = population(3, 51, Date.now()).users;

/** Options of a small run of the acceptance command. */
export const SMALL_RUN = ['--users', '4', '--yes', '--json'];

/** State after a run that left nothing behind. */
export const NOTHING_LEFT = { users: 0, contacts: 0, items: [], leases: [], deadLetters: 0, problems: [] };

/** A running system with three users of its own, for the acceptance command. */
export interface AcceptanceSystem {
  running: SimulatedSystem;
  command: ReturnType<typeof commandsOn>;
  /** What a run has left behind, and the problems of the app's own users. */
  leftBehind(): Promise<typeof NOTHING_LEFT>;
  /**
   * Starts a run and interrupts it at a random moment. After SIGKILL, removes what is left with `--clean-up`.
   *
   * @returns the moment in milliseconds, and the output of a clean-up that failed.
   */
  interruptRun(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<{ moment: number; failure: string }>;
  stop(): Promise<void>;
}

export async function startAcceptanceSystem(): Promise<AcceptanceSystem> {
  const running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS } },
  });
  const { system, controlApi } = running;
  const withdraw = publishConnection(system.connection);
  const command = commandsOn(() => system);
  await Promise.all(USERS.map((user) => system.app.signUp(user)));
  await system.cloud.untilIdle(SETTLE_MS);
  return {
    running,
    command,
    async leftBehind() {
      await system.cloud.untilIdle(SETTLE_MS);
      const { existingSyncItems } = await system.items();
      return {
        users: (await system.app.users()).length - USERS.length,
        contacts: (await controlApi.contacts()).length - USERS.length,
        items: existingSyncItems.filter((item) => JSON.stringify(item).includes('acceptance')) as never[],
        leases: existingSyncItems.filter(({ id }) => id?.S?.startsWith('lease#')) as never[],
        deadLetters: await system.deadLetters(),
        problems: (await inSyncWith(running)).problems as never[],
      };
    },
    async interruptRun(signal) {
      const moment = Math.random() * RUN_MS;
      const child = spawn(process.execPath, ['infra/cli/main.ts', 'acceptance', '--local', ...SMALL_RUN], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const reported = once(child.stdout, 'data');
      const ended = once(child, 'close');
      await Promise.race([sleep(moment), reported]);
      child.kill(signal);
      await ended;
      if (signal !== 'SIGKILL') return { moment, failure: '' };
      const { code, out, err } = await command('acceptance', ['--clean-up', '--yes']);
      return { moment, failure: code === 0 ? '' : err + out };
    },
    async stop() {
      withdraw();
      await running.stop();
    },
  };
}
