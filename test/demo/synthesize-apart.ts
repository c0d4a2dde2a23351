import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ConfigInput } from '../../infra/config.ts';

const APP = fileURLToPath(new URL('../../infra/app.ts', import.meta.url));
const run = promisify(execFile);

/**
 * Synthesizes the stack as the CDK's command does: the app runs in a process of its own, and its memory is free again afterwards.
 *
 * @param outdir where the assembly goes.
 * @throws Error with what the app wrote, when a setting is wrong or a rule is broken.
 */
export async function synthesizeApart(settings: ConfigInput, outdir: string): Promise<void> {
  const CDK_CONTEXT_JSON = JSON.stringify({ userSync: settings });
  await run(process.execPath, [APP], { env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON } });
}
