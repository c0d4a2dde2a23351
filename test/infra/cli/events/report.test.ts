import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mockClient } from 'aws-sdk-client-mock';
import { expect, it } from 'vitest';
import { eventsReport } from '../../../../infra/cli/events/report.ts';
import { POLL_GROUP } from '../../../../shared/sync/message.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const at = (ms: number) => new Date(NOON + ms).toISOString();
mockClient(SQSClient).on(GetQueueAttributesCommand).resolves({ Attributes: {} });

it.each([
  ['before any poll is complete', undefined, true],
  ['after the last complete poll', at(-60_000), true],
  ['before a later poll, which proves that the failure is over', at(-10_000), false],
])('shows a failure of polls %s', async (_, completedAt, isShown) => {
  const failure = { reason: 'The CRM failed (503)', at: at(-30_000) };
  const report = await eventsReport({
    store: {
      readPoll: async (poll: string) => (poll === 'contacts' && completedAt ? { completedAt } : {}),
      readListing: async () => ({}),
      readOptOutListing: async () => ({}),
      readLog: async () => ({ counts: {}, recent: [] }),
    } as never,
    postponed: { read: async () => new Map([[POLL_GROUP, failure]]) },
    sqs: new SQSClient(),
    queues: undefined,
    resources: [],
    now: NOON,
  });
  expect(report.failure).toEqual(isShown ? failure : null);
});
