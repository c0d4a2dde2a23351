import type { ConfigInput } from '../../infra/config.ts';
import { synthesizedAssembly } from './synthesized-assembly.ts';

/** Replaced when the stack runs. */
const UNUSED_URL = 'http://127.0.0.1:1';
/** Name of the secret with the credentials for the CRM. */
export const SECRET_NAME = 'user-sync/crm';

/** The stack as it runs on this machine. Independent of the address of the CRM, which differs in each run. */
export function localAssembly(settings: ConfigInput): Promise<string> {
  const crm = { ...settings.crm, url: UNUSED_URL, secretName: SECRET_NAME };
  return synthesizedAssembly({ ...settings, crm, removalPolicy: 'destroy' });
}
