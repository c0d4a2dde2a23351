import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from '../../../shared/user/user.ts';
import { costOf } from '../measure/cost.ts';
import { mapping } from '../users/five-tags.ts';
import {
  type Cast,
  type Costs,
  EDIT_AFTER_MS,
  EVERY_MS,
  editAfterSignUp,
  isChangedInRefresh,
  withAnotherTag,
  withNoDifference,
} from '../users/scenarios.ts';
import { type BenchSystem, withBenchSystem } from './bench-system.ts';
import { giveStaleTags } from './stale-tags.ts';

/** This system, on the local cloud. */
export async function runSystem(cast: Cast, say: (what: string) => void): Promise<Costs> {
  const { fresh, known, changing } = cast;
  say('New users, in this system');
  const costs = await withBenchSystem({ users: [...fresh, ...changing] }, (system) =>
    runDays(cast, system, say),
  );
  say('Users who are in the CRM by email, in this system');
  const knownCost = await withBenchSystem({ known }, (system) => bringIn(system));
  return { ...costs, known: knownCost };
}

const bringIn = (system: BenchSystem) =>
  costOf(system.door, async () => (await system.backfill({ mode: 'contacts' })).enqueued);

async function runDays(
  { signUps, changing }: Cast,
  system: BenchSystem,
  say: (what: string) => void,
): Promise<Costs> {
  const { app, door, settle } = system;
  const costs: Costs = { new: await bringIn(system) };
  const active = (await app.users()).filter((user) => mapping.isActive(user, Date.now()));

  say('The daily refresh, in this system');
  await giveStaleTags(
    active.filter((_, index) => isChangedInRefresh(index)),
    system,
  );
  await settle();
  costs.refresh = await costOf(door, async () => {
    await system.backfill({ mode: 'refresh' });
    return active.length;
  });

  say('Live changes, in this system');
  costs.signedUp = await costOf(door, async () => {
    await Promise.all(
      signUps.map(async (user, index) => {
        await sleep(index * EVERY_MS);
        await app.signUp(user);
        const edit = editAfterSignUp(index);
        if (!edit) return;
        await sleep(EDIT_AFTER_MS);
        await app.edit(user.userId, edit);
      }),
    );
    await settle();
    return signUps.length;
  });
  const changes = (change: (user: User) => { lastActiveAt: string }) =>
    costOf(door, async () => {
      for (const user of changing) {
        const { lastActiveAt } = change(user);
        await app.edit(user.userId, { lastActiveAt });
        await sleep(EVERY_MS);
      }
      await settle();
      return changing.length;
    });
  costs.noOp = await changes(withNoDifference);
  costs.swap = await changes(withAnotherTag);
  return costs;
}
