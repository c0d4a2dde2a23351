import { setTimeout as sleep } from 'node:timers/promises';
import { tagId } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import type { User } from '../../../shared/user/user.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { measureCost } from '../measure/cost.ts';
import { mapping } from '../users/five-tags.ts';
import {
  type Costs,
  EDIT_AFTER_MS,
  EVERY_MS,
  editAfterSignUp,
  isChangedInRefresh,
  type ScenarioUsers,
  withAnotherTag,
  withoutVisibleChange,
} from '../users/scenarios.ts';
import { type BenchSystem, withBenchSystem } from './bench-system.ts';

/** Runs all scenarios on the stack on the local cloud. */
export async function runScenarios(users: ScenarioUsers, log: (line: string) => void): Promise<Costs> {
  const { fresh, known, changing } = users;
  log('Running a backfill of new users');
  const costs = await withBenchSystem({ users: [...fresh, ...changing] }, (system) =>
    runScenariosOfNewUsers(users, system, log),
  );
  log('Running a backfill of users who are in the CRM by email');
  const knownCost = await withBenchSystem({ known }, backfillCost);
  return { ...costs, known: knownCost };
}

const backfillCost = (system: BenchSystem) =>
  measureCost(system.controlApi, async () => (await system.backfill({ mode: 'contacts' })).enqueued);

async function runScenariosOfNewUsers(
  { signUps, changing }: ScenarioUsers,
  system: BenchSystem,
  log: (line: string) => void,
): Promise<Costs> {
  const { app, controlApi, settle } = system;
  const costs: Costs = { new: await backfillCost(system) };
  const active = (await app.users()).filter((user) => mapping.isActive(user, Date.now()));

  log('Running the daily refresh');
  await makeTagsStale(
    active.filter((_, index) => isChangedInRefresh(index)),
    system,
  );
  await settle();
  costs.refresh = await measureCost(controlApi, async () => {
    await system.backfill({ mode: 'refresh' });
    return active.length;
  });

  log('Making live changes');
  costs.signUp = await measureCost(controlApi, async () => {
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
  const changesCost = (change: (user: User) => { lastActiveAt: string }) =>
    measureCost(controlApi, async () => {
      for (const user of changing) {
        const { lastActiveAt } = change(user);
        await app.edit(user.userId, { lastActiveAt });
        await sleep(EVERY_MS);
      }
      await settle();
      return changing.length;
    });
  costs.noChange = await changesCost(withoutVisibleChange);
  costs.tagChange = await changesCost(withAnotherTag);
  return costs;
}

/**
 * Puts users in the state in which one of their tags has changed by time alone: the contact and the item have yesterday's tags. No write
 * of the app triggers a sync.
 */
async function makeTagsStale(users: readonly User[], { app, system, running }: BenchSystem): Promise<void> {
  const catalog = await system.catalog();
  if (!catalog) throw new Error('The sync has not created its catalog yet');
  const idsOf = (user: User) =>
    desiredState(mapping, user, Date.now())
      .tags.map((tag) => tagId(catalog, tag))
      .sort((a, b) => a - b);
  for (const user of users) {
    const [today, yesterday] = [idsOf(user), idsOf(withAnotherTag(user))];
    const { contactId = 0 } = user.crm ?? {};
    const tags = `${running.simulator.url}/crm/rest/v1/contacts/${contactId}/tags`;
    const headers = { 'x-keap-api-key': DEFAULT_TOKEN, 'content-type': 'application/json' };
    const removed = today.filter((id) => !yesterday.includes(id));
    const responses = [
      await fetch(`${tags}?ids=${removed.join(',')}`, { method: 'DELETE', headers }),
      await fetch(tags, { method: 'POST', headers, body: JSON.stringify({ tagIds: yesterday }) }),
    ];
    if (responses.some(({ ok }) => !ok)) throw new Error(`Could not set the tags of contact ${contactId}`);
    await app.edit(user.userId, { crm: { ...user.crm, tagIds: yesterday } });
  }
}
