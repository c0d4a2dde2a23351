import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { localAssembly } from '../demo/local-assembly.ts';

/** Synthesizes the assembly that most e2e test files use before they start. Otherwise each of the first files would synthesize it. */
export default async function synthesizeLocalSystem(): Promise<void> {
  await localAssembly({ crm: { windowSlackMs: BUSY_SLACK_MS } });
}
