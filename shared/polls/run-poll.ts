import type { PollMessage } from '../sync/message.ts';
import { contactList, tagList } from './contact-lists.ts';
import { listContacts } from './list-contacts.ts';
import { listOptOuts } from './list-opt-outs.ts';
import { type PollDependencies, type PolledList, pollList } from './poll-list.ts';
import { pollResources, type ResourceDependencies, replayResources } from './poll-resources.ts';

export type RunPollDependencies = PollDependencies & ResourceDependencies;

/**
 * Runs a poll of the CRM. Until the first full listing is complete, every poll continues that listing, since changes are compared with it.
 *
 * @returns whether the poll is complete; if not, another message has to continue it.
 * @throws RetryableError or RejectedError. What was done before is stored.
 */
export async function runPoll(message: PollMessage, dependencies: RunPollDependencies): Promise<boolean> {
  const { poll, scheduledAt } = message;
  const { baselineAt: baseline } = await dependencies.store.readListing();
  if (baseline === undefined || poll === 'listing')
    return (
      (await listContacts(scheduledAt, dependencies)) &&
      (await pollResources('listing', scheduledAt, dependencies))
    );
  const baselineAt = Date.parse(baseline);
  switch (poll) {
    case 'changes': {
      const pollNew = <Item>(list: PolledList<Item>) =>
        pollList(list, scheduledAt, { at: baselineAt }, dependencies);
      return (
        (await pollNew(contactList({ baselineAt }, dependencies))) &&
        (await pollNew(tagList({ baselineAt }, dependencies))) &&
        (await pollResources('changes', scheduledAt, dependencies))
      );
    }
    case 'opt-outs':
      return listOptOuts(scheduledAt, baselineAt, dependencies);
    case 'replay': {
      const since = message.since ?? scheduledAt;
      const at = Date.parse(since);
      const replay = `replay ${since} ${scheduledAt}`;
      const again = <Item>(list: PolledList<Item>) =>
        pollList(
          { ...list, resource: `replay-${list.resource}`, overlapMs: 0 },
          scheduledAt,
          { at, isReplay: true },
          dependencies,
        );
      return (
        (await again(contactList({ baselineAt: at, replay }, dependencies))) &&
        (await again(tagList({ baselineAt: at, replay }, dependencies))) &&
        (await replayResources(at, scheduledAt, replay, dependencies))
      );
    }
  }
}
