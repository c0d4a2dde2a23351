import { it } from 'vitest';
import { checkPollHistories } from './poll-history.ts';

it('each change made by hand arrives as exactly one event, and none of the sync’s own does', async () => {
  await checkPollHistories({ runs: 60 });
}, 300_000);
