import { it } from 'vitest';
import { expectPollCost } from '../support/poll-cost.ts';

it('a poll for 600 changes among 60,000 contacts takes at most 6 requests, and a full listing 60', async () => {
  await expectPollCost({ contacts: 60_000, changed: 600 });
}, 600_000);
