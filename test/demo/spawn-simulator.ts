import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RunningSimulator } from '../simulator/start-simulator.ts';

const MAIN = fileURLToPath(new URL('../simulator/main.ts', import.meta.url));

/**
 * Starts the simulator in a separate process, so that work of this process does not delay the arrival of requests.
 *
 * @param args options of `npm run simulator`.
 * @throws Error with the simulator's output when it does not start.
 */
export async function spawnSimulator(args: readonly string[]): Promise<RunningSimulator> {
  // In a process group of its own: Ctrl-C in a terminal reaches this process alone.
  const child = spawn(process.execPath, [MAIN, '--attached', ...args], { stdio: 'pipe', detached: true });
  const exited = once(child, 'exit');
  let errorOutput = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errorOutput += chunk.toString();
  });
  const url = await Promise.race([
    (async () => {
      for await (const line of createInterface(child.stdout)) {
        const found = /listening on (\S+)/.exec(line)?.[1];
        if (found) return found;
      }
      return undefined;
    })(),
    exited.then(() => undefined),
  ]);
  if (!url) throw new Error(`The simulator did not start: ${errorOutput.trim()}`);
  return {
    url,
    async stop() {
      child.kill();
      await exited;
    },
  };
}
