import {
  CloudWatchLogsClient,
  GetQueryResultsCommand,
  StartQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { insightsLines, parseLogLine } from '../../../../infra/cli/trace/log-lines.ts';
import { timelineText } from '../../../../infra/cli/trace/timeline.ts';

const SENT = {
  timestamp: '2026-06-15T12:00:00.000Z',
  service: 'diff-user',
  level: 'INFO',
  message: 'Change sent',
  userId: 'ann',
  cause: 'changed',
  fields: ['given_name'],
  tagsAdded: ['Week 4'],
  tagsRemoved: ['Week 3'],
  correlationIds: ['e1'],
};
const SYNCED = {
  ...{ timestamp: '2026-06-15T12:00:01.200Z', service: 'sync-contact', level: 'INFO', message: 'Synced' },
  ...{ userId: 'ann', causes: ['changed'], correlationIds: ['e1'], contactId: 7 },
  ...{ deliveries: 2, lagMs: 1200, requests: ['PATCH /crm/rest/v1/contacts/7 200 153 ms'] },
};

describe('the timeline of a user', () => {
  it('shows a change with its requests and outcome, oldest first', () => {
    expect(timelineText([SYNCED, SENT])).toBe(
      [
        '2026-06-15T12:00:00.000Z  diff-user  Change sent: changed; fields given_name; tags added: Week 4; tags removed: Week 3  [e1]',
        '2026-06-15T12:00:01.200Z  sync-contact  Synced: changed; contact 7; 1.2 s after the change; delivery 2  [e1]',
        '    PATCH /crm/rest/v1/contacts/7 200 153 ms',
        '',
      ].join('\n'),
    );
  });

  it('shows what was left out', () => {
    const warnings = [
      { field: 'marketingConsent', problem: 'no opt-in: the CRM shows an opt-out of the address' },
    ];
    expect(timelineText([{ ...SYNCED, warnings }])).toMatch(
      /contacts\/7 200 153 ms\n {4}marketingConsent: no opt-in: the CRM shows an opt-out of the address\n$/,
    );
  });

  it('ignores lines about other users', () => {
    expect(parseLogLine(JSON.stringify(SYNCED), 'ann')).toMatchObject({ message: 'Synced' });
    for (const text of [JSON.stringify(SYNCED), 'START RequestId', '{"userId":"bob"}', '{ userId'])
      expect(parseLogLine(text, 'bob')).toBeUndefined();
  });
});

describe('a query of CloudWatch Logs', () => {
  const logs = mockClient(CloudWatchLogsClient);
  const query = { logGroupNames: ['a', 'b'], userId: 'an"n', from: 1500, to: 9001 };
  beforeEach(() => {
    logs.reset();
    logs.on(StartQueryCommand).resolves({ queryId: 'q' });
  });

  it('reads one user in all log groups, and waits until it is complete', async () => {
    const line = JSON.stringify({ ...SYNCED, userId: 'an"n' });
    logs
      .on(GetQueryResultsCommand, { queryId: 'q' })
      .resolvesOnce({ status: 'Running', results: [] })
      .resolves({
        status: 'Complete',
        results: [
          [
            { field: '@message', value: line },
            { field: '@ptr', value: 'x' },
          ],
        ],
      });
    expect(await insightsLines(new CloudWatchLogsClient({ region: 'eu-west-1' }), query, 1)).toMatchObject([
      { message: 'Synced', contactId: 7 },
    ]);
    expect(logs.commandCalls(StartQueryCommand)[0]?.args[0].input).toMatchObject({
      logGroupNames: ['a', 'b'],
      startTime: 1,
      endTime: 10,
      queryString: expect.stringContaining('filter userId = "an\\"n"'),
    });
  });

  it('that fails says what to do', async () => {
    logs.on(GetQueryResultsCommand).resolves({ status: 'Timeout' });
    await expect(insightsLines(new CloudWatchLogsClient({ region: 'eu-west-1' }), query, 1)).rejects.toThrow(
      /Timeout.*--days/,
    );
  });
});
