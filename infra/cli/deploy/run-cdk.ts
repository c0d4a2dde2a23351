import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CommandError } from '../command-error.ts';

const CDK = fileURLToPath(new URL('../../../node_modules/.bin/cdk', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs the CDK's own command in this terminal. @throws CommandError when it fails. */
export async function runCdk(...args: string[]): Promise<void> {
  const child = spawn(CDK, args, { cwd: ROOT, stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new CommandError(`cdk ${args.join(' ')} ended with ${code}: see above.`);
}
