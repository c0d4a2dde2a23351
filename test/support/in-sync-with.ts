import type { SimulatedSystem } from '../demo/simulated-system.ts';
import { shownOf, verify } from '../demo/verify.ts';

/** Verifies every user of the table against the contacts in the simulator. Reads them from the control API, because the CRM's search lags by a second. */
export async function inSyncWith({ system, controlApi }: SimulatedSystem) {
  return verify({
    users: await system.app.users(),
    contacts: (await controlApi.contacts()).map(shownOf),
    existing: [],
    deletedContactIds: [],
    now: Date.now(),
  });
}
