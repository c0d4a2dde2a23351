import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { backfillStatuses } from '../../../../infra/cli/status/backfill-status.ts';
import { cloudWatchMetrics, localMetrics, metricsFrom } from '../../../../infra/cli/status/metrics.ts';
import { problemsOf, type Status, statusText } from '../../../../infra/cli/status/report.ts';
import { describeQuota } from '../../../../infra/cli/support/quota-report.ts';
import { commandWith } from '../../../../infra/cli/support/stack-option.ts';
import { PRESETS } from '../../../../shared/quota/limits.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const execution = (name: string, status: 'RUNNING' | 'SUCCEEDED' | 'FAILED') => ({
  executionArn: `arn:${name}`,
  stateMachineArn: 'arn:machine',
  name,
  status,
  startDate: new Date(NOW),
});
const WELL: Status = {
  at: new Date(NOW).toISOString(),
  metrics: metricsFrom(
    (id) =>
      ({
        lagP50Ms: 1200,
        lagP99Ms: 4000,
        requests: 90,
        busiestMinute: 750,
        synced: 40,
        created: 12,
        oldestMessageSeconds: 7,
      })[id],
  ),
  requestsPerSecond: 25,
  queue: { visible: 3, hidden: 1, delayed: 0 },
  health: {
    syncedAt: Date.parse('2026-06-15T11:59:00Z'),
    nothingSucceeds: false,
    oldestChangeMs: 9000,
    stuck: [],
  },
  changeFeedProblem: null,
  deadLetters: 0,
  streamFailures: 0,
  events: { lagSeconds: 600, maxLagSeconds: 7200, refused: 0 },
  quota: describeQuota(undefined, { limits: PRESETS.team, liveReserve: 0.2 }, NOW),
  catalog: { refreshedAt: '2026-06-15T08:00:00.000Z', problems: [] },
  credentials: { kind: 'oauth', issuedAt: '2026-06-15T08:00:00.000Z', expiresAt: '2026-06-16T08:00:00.000Z' },
  backfills: [
    {
      name: 'x',
      status: 'RUNNING',
      startedAt: '2026-06-15T11:00:00.000Z',
      mode: 'contacts',
      shareDone: 0.4,
      cause: null,
    },
  ],
};

describe('the status', () => {
  it('of a healthy system fits on one screen and has no problems', () => {
    const text = statusText(WELL, [], NOW);
    expect(text).toMatch(/^✓ No problems/);
    expect(text).toMatch(/lag +p50 1\.2 s, p99 4\.0 s/);
    expect(text).toMatch(/requests +90, 0 refused; peak 12\.5 a second \(limit 25\)/);
    expect(text).toMatch(/backlog +3 messages waiting, 1 .*; oldest 7\.0 s/);
    expect(text).toMatch(/sync +last success 2026-06-15T11:59.*postponed change 9\.0 s/);
    expect(text).toMatch(/failures +0 dead letters, .*diff-user is – behind the stream/);
    expect(text).toMatch(/contacts +12 created, 0 updated, 0 tagged/);
    expect(text).toMatch(/credentials +oauth, 4\.0 hours old, expires 2026-06-16/);
    expect(text).toMatch(/backfill +running, contacts since .*, 40 % done/);
    expect(text).toMatch(/events +changes in the CRM read 600\.0 s ago; 0 not accepted by the callback/);
    expect(text.split('\n').length).toBeLessThan(28);
  });

  it('names each running backfill, and not a skipped one', async () => {
    const sfn = mockClient(SFNClient);
    sfn
      .on(ListExecutionsCommand)
      .resolves({
        executions: [execution('skipped', 'SUCCEEDED'), execution('b', 'RUNNING'), execution('a', 'RUNNING')],
      })
      .on(DescribeExecutionCommand)
      .resolves({ input: '{"mode":"refresh"}' })
      .on(GetExecutionHistoryCommand)
      .resolves({ events: [] });
    const backfills = await backfillStatuses(new SFNClient({ region: 'eu-west-1' }), 'arn:machine');
    expect(backfills.map(({ name }) => name)).toEqual(['b', 'a']);
    expect(statusText({ ...WELL, backfills }, [], NOW)).toMatch(
      /backfill +running, refresh since [^;]*; running, refresh since/,
    );
  });

  it('shows the message of a function that failed', async () => {
    const sfn = mockClient(SFNClient);
    const failed = { ...execution('a', 'FAILED'), cause: '{"errorType":"Error","errorMessage":"no table"}' };
    sfn.on(ListExecutionsCommand).resolves({ executions: [failed] });
    sfn.on(DescribeExecutionCommand).resolves(failed);
    sfn.on(GetExecutionHistoryCommand).resolves({ events: [] });
    const [backfill] = await backfillStatuses(new SFNClient({ region: 'eu-west-1' }), 'arn:machine');
    expect(backfill?.cause).toBe('no table');
  });

  it.each<[Partial<Status>, RegExp]>([
    [{ credentials: { kind: 'none', issuedAt: null, expiresAt: null } }, /npx --no user-sync authorize/],
    [
      { credentials: { ...WELL.credentials, expiresAt: '2026-06-15T11:00:00.000Z' } },
      /has expired.*npx --no user-sync authorize/,
    ],
    [
      { health: { ...WELL.health, nothingSucceeds: true, oldestChangeMs: 1_800_000 } },
      /no sync succeeds \(last success: 2026-06-15T11:59.*runbook\.md#nothingsucceeds/,
    ],
    [
      { health: { ...WELL.health, stuck: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] } },
      /an hour: a, b, c, d, e and 2 more\. For a user: npx --no user-sync trace/,
    ],
    [
      { changeFeedProblem: 'its event source is Disabled' },
      /change feed is stopped, its event source is Disabled: docs\/runbook\.md#changefeed/,
    ],
    [{ deadLetters: 2 }, /2 dead letters: npx --no user-sync redrive/],
    [{ streamFailures: 1 }, /npx --no user-sync replay/],
    [
      { events: { lagSeconds: 7200, maxLagSeconds: 7200, refused: 0 } },
      /not read for 120 minutes: npx --no user-sync events/,
    ],
    [
      { events: { lagSeconds: null, maxLagSeconds: 7200, refused: 3 } },
      /not accepted 3 events: docs\/runbook\.md#callbackdeadletters/,
    ],
    [
      { catalog: { refreshedAt: '', problems: ['x'] } },
      /does not fit the account: npx --no user-sync catalog/,
    ],
    [
      { quota: { ...WELL.quota, pause: { reason: 'day', until: '2026-06-16T00:00:00.000Z' } } },
      /Paused until .* \(day\)/,
    ],
    [
      { backfills: WELL.backfills.map((each) => ({ ...each, status: 'FAILED', cause: 'why' })) },
      /backfill failed, why: docs\/runbook\.md#backfillfailed/,
    ],
    [
      { backfills: WELL.backfills.map((each) => ({ ...each, status: 'TIMED_OUT' })) },
      /^The last backfill failed: docs/,
    ],
  ])('%j is a problem, with what to do', (wrong, expected) => {
    const problems = problemsOf({ ...WELL, ...wrong }, commandWith(''));
    expect(problems).toEqual([expect.stringMatching(expected)]);
    expect(statusText(WELL, problems, NOW)).toMatch(new RegExp(`^✗ .*${expected.source.replace('^', '')}`));
  });
});

describe('the metrics of the last hour', () => {
  it('come from CloudWatch', async () => {
    const cloudWatch = mockClient(CloudWatchClient);
    cloudWatch.on(GetMetricDataCommand).resolves({
      MetricDataResults: [
        { Id: 'lagP99Ms', Values: [4000] },
        { Id: 'synced', Values: [7] },
        { Id: 'busiestMinute', Values: [60, 1200, 30] },
        { Id: 'oldestMessageSeconds', Values: [3, 900] },
        { Id: 'iteratorAgeMs', Values: [40, 5000] },
      ],
    });
    const metrics = await cloudWatchMetrics(
      cloudWatch as unknown as CloudWatchClient,
      { stack: 'user-sync', queueName: 'Queue.fifo', diffUserName: 'DiffUser' },
      3600,
      NOW,
    );
    expect(metrics).toMatchObject({
      lagP99Ms: 4000,
      lagP50Ms: undefined,
      requests: 0,
      users: { synced: 7 },
      peakRequestsPerSecond: 20,
      oldestMessageSeconds: 3,
      iteratorAgeMs: 40,
    });
    const [{ args = [] } = {}] = cloudWatch.commandCalls(GetMetricDataCommand);
    const queried = args[0]?.input.MetricDataQueries?.map(({ MetricStat }) => MetricStat?.Metric);
    expect(queried).toContainEqual({
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateAgeOfOldestMessage',
      Dimensions: [{ Name: 'QueueName', Value: 'Queue.fifo' }],
    });
    expect(queried).toContainEqual({
      Namespace: 'user-sync',
      MetricName: 'SyncLag',
      Dimensions: [{ Name: 'service', Value: 'sync-contact' }],
    });
    expect(args[0]?.input.MetricDataQueries).toContainEqual(
      expect.objectContaining({ MetricStat: expect.objectContaining({ Stat: 'p99', Period: 3600 }) }),
    );
  });

  it('come from the log of the functions on this machine', () => {
    const directory = mkdtempSync(join(tmpdir(), 'status-'));
    const line = (Timestamp: number, values: object) =>
      `sync ${JSON.stringify({ _aws: { Timestamp }, ...values })}`;
    const lines = [
      'sync not a metric',
      line(NOW - 10, { SyncLag: [100, 300], 'Users.synced': 2, CrmRequests: [1, 1, 1] }),
      line(NOW - 20, { SyncLag: 200, 'Users.synced': 1 }),
      line(NOW - 200_000, { CrmRequests: Array(12).fill(1) }),
      line(NOW - 900_000, { SyncLag: 99_000 }),
    ];
    writeFileSync(join(directory, 'log'), lines.join('\n'));
    const metrics = localMetrics(join(directory, 'log'), NOW - 300_000);
    rmSync(directory, { recursive: true });
    expect(metrics).toMatchObject({
      lagP50Ms: 200,
      lagP99Ms: 300,
      requests: 15,
      peakRequestsPerSecond: 12 / 60,
      oldestMessageSeconds: undefined,
      users: { synced: 3, rejected: 0 },
    });
  });
});
