import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LocalSystem } from '../demo/local-system.ts';

interface Run {
  environment?: Record<string, string>;
  input?: string;
  /** Called with all of the standard error so far. Can answer once, on standard input. */
  onPrompt?: (text: string, answer: (line: string) => void) => void;
}

/** The commands whose output is personal data. */
const SHOWS_PERSONAL_DATA = ['crm', 'preview'];

/**
 * Runs commands of `user-sync` on a system. Their output must not contain personal data, which the system checks when it stops.
 */
export function commandsOn(system: () => Pick<LocalSystem, 'recordOutput'>) {
  return async (name: string, args: string[], run: Run = {}) => {
    const result = await runCommand(name, args, run);
    if (!SHOWS_PERSONAL_DATA.includes(name))
      system().recordOutput({ source: `user-sync ${name}`, text: result.out + result.err });
    return result;
  };
}

async function runCommand(name: string, args: string[], { environment = {}, input = '', onPrompt }: Run) {
  const child = spawn(process.execPath, ['infra/cli/main.ts', name, ...args, '--local'], {
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
    onPrompt?.(err, (line) => void child.stdin.end(`${line}\n`));
  });
  if (!onPrompt) child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, out, err };
}
