import {
  CloudWatchLogsClient,
  GetQueryResultsCommand,
  StartQueryCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { insightsLines } from '../../../../infra/cli/trace/insights-lines.ts';
import { readLogLine } from '../../../../infra/cli/trace/log-line.ts';
import { storyText } from '../../../../infra/cli/trace/story.ts';

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

describe('a story', () => {
  it('ties a change to its requests and its outcome, oldest first', () => {
    expect(storyText([SYNCED, SENT])).toBe(
      [
        '2026-06-15T12:00:00.000Z  diff-user  Change sent: changed; fields given_name; tags on: Week 4; tags off: Week 3  [e1]',
        '2026-06-15T12:00:01.200Z  sync-contact  Synced: changed; contact 7; 1.2 s after the change; delivery 2  [e1]',
        '    PATCH /crm/rest/v1/contacts/7 200 153 ms',
        '',
      ].join('\n'),
    );
  });

  it('is made of lines about the user alone', () => {
    expect(readLogLine(JSON.stringify(SYNCED), 'ann')).toMatchObject({ message: 'Synced' });
    for (const text of [JSON.stringify(SYNCED), 'START RequestId', '{"userId":"bob"}', '{ userId'])
      expect(readLogLine(text, 'bob')).toBeUndefined();
  });
});

describe('the logs of AWS', () => {
  const logs = mockClient(CloudWatchLogsClient);
  const query = { logGroupNames: ['a', 'b'], userId: 'an"n', from: 1500, to: 9001 };
  beforeEach(() => {
    logs.reset();
    logs.on(StartQueryCommand).resolves({ queryId: 'q' });
  });

  it('are asked for one user in all log groups, until the answer is whole', async () => {
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

  it('that fail to answer are said to', async () => {
    logs.on(GetQueryResultsCommand).resolves({ status: 'Timeout' });
    await expect(insightsLines(new CloudWatchLogsClient({ region: 'eu-west-1' }), query, 1)).rejects.toThrow(
      /Timeout.*--days/,
    );
  });
});
