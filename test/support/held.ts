import type { SimulatedSystem } from '../demo/simulated-system.ts';
import { shownOf, verify } from '../demo/verify.ts';

/** Holds every user of the table against what the CRM holds: its search would not know a contact of the last second. */
export async function inSyncWith({ system, door }: SimulatedSystem) {
  return verify({
    users: await system.app.users(),
    contacts: (await door.contacts()).map(shownOf),
    existing: [],
    deletedContactIds: [],
    now: Date.now(),
  });
}
