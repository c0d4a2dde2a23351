import type { SimulatedSystem } from '../demo/simulated-system.ts';
import { shownOf, verify } from '../demo/verify.ts';

/** Verifies every user of the table against the contacts in the simulator. The CRM's own search lags by a second. */
export async function inSyncWith({ system, door }: SimulatedSystem) {
  return verify({
    users: await system.app.users(),
    contacts: (await door.contacts()).map(shownOf),
    existing: [],
    deletedContactIds: [],
    now: Date.now(),
  });
}
