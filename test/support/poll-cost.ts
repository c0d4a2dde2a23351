import { expect } from 'vitest';
import { startPolls } from './polls-under-test.ts';

/**
 * Expects that a poll for changes takes at most 6 requests however many contacts there are, a full listing one for each thousand, and a
 * poll for opt-outs one.
 *
 * @param changed number of contacts that people change. Every second one also gets a tag.
 */
export async function expectPollCost({
  contacts,
  changed,
}: {
  contacts: number;
  changed: number;
}): Promise<void> {
  const polls = await startPolls();
  try {
    const added = await polls.addStrangers(contacts);
    const requests = async (poll: 'changes' | 'listing' | 'opt-outs') => {
      const counts = await polls.crm.requestsOf(async () => {
        await polls.poll(poll);
      });
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    };
    expect(await requests('listing')).toBe(contacts / 1000);
    const step = contacts / changed;
    for (let index = 0; index < contacts; index += step)
      await polls.crm.admin.edit(added[index]?.id ?? 0, {
        values: { given_name: 'Changed' },
        ...(index % (2 * step) === 0 && { addTags: ['VIP'] }),
      });
    expect(await requests('changes')).toBeLessThanOrEqual(6);
    expect(polls.published).toHaveLength(changed * 1.5);
    expect(await requests('changes')).toBeLessThanOrEqual(2);
    expect(await requests('opt-outs')).toBe(1);
    expect(polls.published).toHaveLength(changed * 1.5);
  } finally {
    await polls.crm.stop();
  }
}
