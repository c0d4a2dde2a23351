import { tagId } from '../../../shared/infusionsoft/catalog/catalog.ts';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import type { User } from '../../../shared/user/user.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { mapping } from '../users/five-tags.ts';
import { withAnotherTag } from '../users/scenarios.ts';
import type { BenchSystem } from './bench-system.ts';

/**
 * Makes users what they are when time has changed one of their tags: the contact holds yesterday's, and the item says so. No write of
 * the app tells the sync.
 */
export async function giveStaleTags(
  users: readonly User[],
  { app, system, running }: BenchSystem,
): Promise<void> {
  const catalog = await system.catalog();
  if (!catalog) throw new Error('The sync has no catalog yet');
  const idsOf = (user: User) =>
    desiredState(mapping, user, Date.now())
      .tags.map((tag) => tagId(catalog, tag))
      .sort((a, b) => a - b);
  for (const user of users) {
    const [today, yesterday] = [idsOf(user), idsOf(withAnotherTag(user))];
    const { contactId = 0 } = user.crm ?? {};
    const tags = `${running.simulator.url}/crm/rest/v1/contacts/${contactId}/tags`;
    const headers = { 'x-keap-api-key': DEFAULT_TOKEN, 'content-type': 'application/json' };
    const gone = today.filter((id) => !yesterday.includes(id));
    const answers = [
      await fetch(`${tags}?ids=${gone.join(',')}`, { method: 'DELETE', headers }),
      await fetch(tags, { method: 'POST', headers, body: JSON.stringify({ tagIds: yesterday }) }),
    ];
    if (answers.some(({ ok }) => !ok)) throw new Error(`The tags of contact ${contactId} cannot be set`);
    await app.edit(user.userId, { crm: { ...user.crm, tagIds: yesterday } });
  }
}
