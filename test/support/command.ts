import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LocalSystem } from '../demo/local-system.ts';

interface Run {
  environment?: Record<string, string>;
  input?: string;
  /** Told what the command writes for a person. */
  onPrompt?: (text: string) => void;
}

/** The one command that is there to show a user. */
const SHOWS_A_PERSON = 'preview';

/**
 * Runs commands of infra/operate on a system, as their npm scripts do. What they print may hold nothing of a person: the system sees to
 * it when it stops.
 */
export function commandsOn(system: () => Pick<LocalSystem, 'overhear'>) {
  return async (name: string, args: string[], run: Run = {}) => {
    const result = await runCommand(name, args, run);
    if (name !== SHOWS_A_PERSON)
      system().overhear({ source: `npm run ${name}`, text: result.out + result.err });
    return result;
  };
}

async function runCommand(name: string, args: string[], { environment = {}, input = '', onPrompt }: Run) {
  const child = spawn(process.execPath, [`infra/cli/${name}.ts`, '--local', ...args], {
    env: {
      PATH: process.env['PATH'],
      USER_SYNC_CONNECTION_FILE: process.env['USER_SYNC_CONNECTION_FILE'],
      ...environment,
    },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk;
    onPrompt?.(err);
  });
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, out, err };
}
