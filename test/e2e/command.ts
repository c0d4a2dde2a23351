import { spawn } from 'node:child_process';
import { once } from 'node:events';

interface Run {
  environment?: Record<string, string>;
  input?: string;
  /** Told what the command writes for a person. */
  onPrompt?: (text: string) => void;
}

/** Runs a command of infra/operate on the local system, as its npm script does. */
export async function command(
  name: string,
  args: string[],
  { environment = {}, input = '', onPrompt }: Run = {},
) {
  const child = spawn(process.execPath, [`infra/operate/${name}.ts`, '--local', ...args], {
    env: { PATH: process.env['PATH'], ...environment },
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
