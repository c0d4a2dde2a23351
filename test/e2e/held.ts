import { crmAccount } from '../demo/crm-account.ts';
import type { LocalSystem } from '../demo/local-system.ts';
import { ALL_TAGS, verify } from '../demo/verify.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';

/** Requests a second of the one who holds the users against the CRM. */
const RATE = 25;

/** Holds every user of the table against the CRM. */
export async function inSyncWith(system: LocalSystem, crmUrl: string) {
  return verify({
    users: await system.app.users(),
    contacts: await crmAccount(crmUrl, DEFAULT_TOKEN, RATE).contacts(ALL_TAGS),
    existing: [],
    deletedContactIds: [],
    now: Date.now(),
  });
}
