import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { localAssembly } from '../demo/local-system.ts';

/** Synthesizes the assembly of most e2e test files before they start, or each of the first would do it. */
export default async function synthesizeLocalSystem(): Promise<void> {
  await localAssembly({ crm: { windowSlackMs: BUSY_SLACK_MS } });
}
