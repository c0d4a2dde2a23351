import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { WorldOptions, WorldResult } from './world.ts';

const PROCESS = fileURLToPath(new URL('world-process.ts', import.meta.url));

/** Runs worlds in separate processes, one per core. @returns their results in the order of the worlds. */
export async function runWorlds(worlds: readonly WorldOptions[]): Promise<WorldResult[]> {
  const results: WorldResult[] = [];
  const waiting = [...worlds.entries()];
  const worker = async () => {
    const child = fork(PROCESS, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    try {
      for (let next = waiting.shift(); next; next = waiting.shift())
        results[next[0]] = await runIn(child, next[1]);
    } finally {
      child.kill();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), worlds.length) }, worker));
  return results;
}

async function runIn(child: ChildProcess, options: WorldOptions): Promise<WorldResult> {
  const finished = new AbortController();
  const { signal } = finished;
  child.send(options);
  try {
    const [result] = await Promise.race([
      once(child, 'message', { signal }) as Promise<[WorldResult]>,
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`A process of simulated worlds exited with code ${code}`);
      }),
    ]);
    return result;
  } finally {
    finished.abort();
  }
}
