import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ConfigInput } from '../../infra/config.ts';

const APP = fileURLToPath(new URL('../../infra/app.ts', import.meta.url));

/**
 * Synthesizes the stack as the CDK's command does: the app runs in a process of its own, and its memory is free again afterwards.
 *
 * @param outdir where the assembly goes.
 * @throws Error with what the app wrote, when a setting is wrong or a rule is broken.
 */
export async function synthesizeApart(settings: ConfigInput, outdir: string): Promise<void> {
  const child = spawn(process.execPath, [APP], {
    env: {
      ...process.env,
      CDK_OUTDIR: outdir,
      CDK_CONTEXT_JSON: JSON.stringify({ userSync: settings }),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let written = '';
  child.stderr.on('data', (chunk: Buffer) => {
    written += chunk.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`The stack could not be synthesized:\n${written.trim()}`);
}
