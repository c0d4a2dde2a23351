import { DescribeTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { DescribeStreamCommand, DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { DEFAULT_CLIENT } from '../simulator/oauth.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import { commandsOn } from '../support/command.ts';

const SETTLE_MS = 60_000;
const USERS = population(4, 41, Date.now()).users;

let running: SimulatedSystem;
let withdraw = () => {};
const command = commandsOn(() => running.system);
beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '5', '--latency-p95', '10'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS } },
  });
  const { cloud, app } = running.system;
  withdraw = publishConnection(running.system.connection);
  await Promise.all(USERS.map((user) => app.signUp(user)));
  await cloud.untilIdle(SETTLE_MS);
});
afterAll(async () => {
  withdraw();
  await running?.stop();
});

describe('user-sync quota', () => {
  it('shows what has been used', async () => {
    const { code, out } = await command('quota', ['--json']);
    expect(code).toBe(0);
    const { totalRequests } = await running.controlApi.stats();
    const { pause, windows } = JSON.parse(out);
    expect(pause).toBeNull();
    expect(windows).toMatchObject([{ window: 'minute' }, { window: 'day' }, { window: 'month' }]);
    for (const { used } of windows.slice(1)) {
      expect(used).toBeGreaterThanOrEqual(totalRequests);
      // A request that is under way in one environment counts twice if an answer to another environment reports it first.
      expect(used).toBeLessThan(totalRequests + 100);
    }
  });

  it('pauses all requests, and resumes', async () => {
    const { app, cloud, metrics } = running.system;
    expect((await command('quota', ['--pause', '0.2'])).out).toMatch(/Paused until/);
    const before = (await running.controlApi.stats()).totalRequests;
    await app.edit(USERS[0]?.userId ?? '', { firstName: 'Waitstill' });
    await expect.poll(() => metrics.sum('Users.postponed'), { timeout: SETTLE_MS }).toBeGreaterThan(0);
    expect((await running.controlApi.stats()).totalRequests).toBe(before);
    expect((await command('quota', ['--resume'])).out).toMatch(/Not paused/);
    await app.edit(USERS[1]?.userId ?? '', { firstName: 'Godelieve' });
    await expect
      .poll(async () => (await running.controlApi.contacts(USERS[1]?.email ?? ''))[0]?.values['given_name'], {
        timeout: SETTLE_MS,
      })
      .toBe('Godelieve');
    // The postponed user comes back some seconds after its pause: later tests count what this user does.
    await cloud.untilIdle(SETTLE_MS);
  });
});

describe('user-sync doctor', () => {
  it('finds nothing missing on a running system', async () => {
    const { code, out } = await command('doctor', ['--json']);
    expect({ code, out: code === 0 ? '' : out }).toEqual({ code: 0, out: '' });
    const { checks } = JSON.parse(out);
    expect(checks.map(({ name }: { name: string }) => name)).toEqual([
      ...['Node', 'Java', 'AWS', 'CDK bootstrap', 'Concurrency', 'Stack', 'Change feed'],
      ...['Credentials', 'CRM', 'Mapping'],
    ]);
  });
});

describe('user-sync backfill', () => {
  it('shows what a backfill would do', async () => {
    const { code, out } = await command('backfill', ['--dry-run', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ dryRun: true, scanned: USERS.length, enqueued: 0 });
  });
});

describe('user-sync', () => {
  it.each([
    [[], 2, /✗ required option '--user/],
    [['--user', 'x', '--dayz', '3'], 2, /✗ unknown option '--dayz'/],
  ])('trace %j exits with 2 for wrong usage', async (args, expected, message) => {
    const { code, err } = await command('trace', args);
    expect(code).toBe(expected);
    expect(err).toMatch(message);
  });
});

describe('user-sync status', () => {
  it('shows one screen without problems', async () => {
    const { code, out } = await command('status', []);
    expect(out).toMatch(/✓ No problems/);
    expect(out).toMatch(/lag +p50 \d+\.\d s, p99 \d+\.\d s/);
    expect(code).toBe(0);
    const { metrics, credentials } = JSON.parse((await command('status', ['--json'])).out);
    expect(metrics).toMatchObject({
      requests: (await running.controlApi.stats()).totalRequests,
      refused: 0,
      contacts: { created: USERS.length },
    });
    expect(credentials).toEqual({ kind: 'service-account-key', issuedAt: null, expiresAt: null });
  });
});

describe('user-sync trace', () => {
  it('shows a change of a user, its requests and its outcome', async () => {
    const userId = USERS[0]?.userId ?? '';
    const { code, out } = await command('trace', ['--user', userId]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /diff-user {2}Change sent: created; .*\[(\S+)\][\s\S]*sync-contact {2}Synced: .*\[\1\]/,
    );
    expect(out).toMatch(/ {4}PUT \/crm\/rest\/v1\/contacts 20[01] \d+ ms/);
    const lines = JSON.parse((await command('trace', ['--user', userId, '--json'])).out);
    expect(lines.every((line: { userId: string }) => line.userId === userId)).toBe(true);
  });

  it('fails when the logs have no line about a user', async () => {
    const { code, err } = await command('trace', ['--user', 'nobody']);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/have no line about user nobody/) });
  });
});

describe('user-sync authorize', () => {
  const client = {
    INFUSIONSOFT_CLIENT_ID: DEFAULT_CLIENT.clientId,
    INFUSIONSOFT_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
  };
  /** Opens the page that the command prints, as a person would. */
  const person = () => {
    let opened = false;
    return (text: string) => {
      const url = /https?:\S+authorize\S+/.exec(text)?.[0];
      if (opened || !url) return;
      opened = true;
      void fetch(url);
    };
  };
  const newest = () => JSON.parse(running.system.cloud.secretValues('user-sync/crm').at(-1) ?? '{}');

  it('stores a pair that the sync uses and the rotation renews', async () => {
    const { code, out, err } = await command('authorize', ['--port', '0'], {
      environment: client,
      onPrompt: person(),
    });
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/accepted the credentials/);
    expect(newest()).toMatchObject({ kind: 'oauth', clientId: DEFAULT_CLIENT.clientId });
    expect(out + err).not.toContain(newest().refreshToken);
    const { accessToken } = newest();
    await running.system.cloud.rotate('user-sync/crm');
    expect(newest()).toMatchObject({ kind: 'oauth' });
    expect(newest().accessToken).not.toBe(accessToken);
  });

  it('takes an address that is pasted, if the CRM accepts no redirect URI on this machine', async () => {
    await running.controlApi.set('oauth', { httpsOnly: true });
    let opened = false;
    const { code, err } = await command('authorize', ['--redirect-uri', 'https://app.example.com/callback'], {
      environment: client,
      async onPrompt(text, answer) {
        const url = /https?:\S+authorize\S+/.exec(text)?.[0];
        if (opened || !url) return;
        opened = true;
        const { headers } = await fetch(url, { redirect: 'manual' });
        answer(headers.get('location') ?? '');
      },
    });
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(newest()).toMatchObject({ kind: 'oauth' });
    await running.controlApi.set('oauth', { httpsOnly: false });
  });

  it('that is declined changes nothing', async () => {
    await running.controlApi.set('oauth', { declines: true });
    const before = newest();
    const { code, err } = await command('authorize', ['--port', '0'], {
      environment: client,
      onPrompt: person(),
    });
    expect(code).toBe(1);
    expect(err).toMatch(/declined in the browser/);
    expect(newest()).toEqual(before);
  });

  it('names everything that is missing at once', async () => {
    const { code, err } = await command('authorize', []);
    expect(code).toBe(1);
    expect(err).toMatch(/--client-id.*INFUSIONSOFT_CLIENT_SECRET.*--service-account-key/s);
  });

  it('stores a key that is piped in, and says when the CRM does not take it', async () => {
    const wrong = await command('authorize', ['--service-account-key'], { input: 'wrong-key\n' });
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringMatching(/test request to the CRM failed.*401/),
    });
    const right = await command('authorize', ['--service-account-key'], { input: `${DEFAULT_TOKEN}\n` });
    expect(right).toMatchObject({ code: 0 });
    expect(newest()).toEqual({ kind: 'service-account-key', key: DEFAULT_TOKEN });
  });
});

describe('user-sync redrive', () => {
  it('lists dead letters by reason, and moves them back when the cause is fixed', async () => {
    const { app, cloud } = running.system;
    const [first] = USERS;
    await app.edit(first?.userId ?? '', { email: 'nobody at nowhere' });
    await cloud.untilIdle(SETTLE_MS);
    const dry = JSON.parse((await command('redrive', ['--dry-run', '--json'])).out);
    expect(dry).toMatchObject({ reasons: [{ reason: 'no-usable-email', exampleUserId: first?.userId }] });
    const other = await command('redrive', ['--reason', 'refused-by-crm']);
    expect(other).toMatchObject({ code: 1, err: expect.stringMatching(/Reasons: no-usable-email/) });
    await cloud.pauseEventSources();
    try {
      await app.edit(first?.userId ?? '', { email: first?.email });
      expect((await command('redrive', [])).out).toMatch(/1 moved back into the queue/);
      expect(await running.system.deadLetters()).toBe(0);
    } finally {
      cloud.resumeEventSources();
    }
    await cloud.untilIdle(SETTLE_MS);
    const row = (await app.users()).find(({ userId }) => userId === first?.userId);
    expect(row?.crm).not.toHaveProperty('rejection');
  });
});

describe('user-sync replay', () => {
  it('syncs the users of a position of the stream', async () => {
    const { cloud } = running.system;
    const { LatestStreamArn } = await describeUsers();
    const streams = new DynamoDBStreamsClient(cloud.sdk('DYNAMODB'));
    const { StreamDescription } = await streams.send(
      new DescribeStreamCommand({ StreamArn: LatestStreamArn }),
    );
    const shard = StreamDescription?.Shards?.[0];
    const first = shard?.SequenceNumberRange?.StartingSequenceNumber;
    const position = {
      shardId: shard?.ShardId,
      startSequenceNumber: first,
      endSequenceNumber: first,
      streamArn: LatestStreamArn,
    };
    const sqs = new SQSClient(cloud.sdk('SQS'));
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: cloud.outputs['StreamFailureQueueUrl'] ?? '',
        MessageBody: JSON.stringify({ DDBStreamBatchInfo: position }),
      }),
    );
    const { out } = await command('replay', ['--json']);
    expect(JSON.parse(out)).toMatchObject({ positions: 1, users: 1, expired: 0, unreadable: 0 });
    await cloud.untilIdle(SETTLE_MS);
  });

  const describeUsers = async () => {
    const { cloud } = running.system;
    const dynamodb = new DynamoDBClient(cloud.sdk('DYNAMODB'));
    const { Table } = await dynamodb.send(
      new DescribeTableCommand({ TableName: cloud.outputs['UserTableName'] ?? '' }),
    );
    return { LatestStreamArn: Table?.LatestStreamArn ?? '' };
  };
});

describe('user-sync forget', () => {
  const leaving = population(1, 43, Date.now()).users[0];
  const userId = leaving?.userId ?? '';

  it('refuses while the user is in the app, and for an unknown user', async () => {
    await running.system.app.signUp({ ...leaving, userId });
    await running.system.cloud.untilIdle(SETTLE_MS);
    expect(await command('forget', ['--user', userId])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/still in the table.*Delete the user in the app first/),
    });
    expect((await command('forget', ['--user', 'stranger'])).err).toMatch(
      /No record knows a contact .*--contact ID/,
    );
    expect((await command('forget', [])).err).toMatch(/--user ID, or use --list/);
  });

  it('deletes the contact of a user who has left, and keeps a record without personal data', async () => {
    const { app, cloud } = running.system;
    await app.remove(userId);
    await cloud.untilIdle(SETTLE_MS);
    const [contact] = await running.controlApi.contacts(leaving?.email ?? '');
    const { code, out } = await command('forget', ['--user', userId, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ userId, contactId: contact?.id, done: 'delete' });
    expect(await running.controlApi.contacts(leaving?.email ?? '')).toEqual([]);
    const records = (await command('forget', ['--list'])).out;
    expect(records).toMatch(new RegExp(`${userId} +${contact?.id} +delete +erasure request`));
  });
});

// The last test, because no later change is synced.
it('check-health and status report a user table whose stream was disabled', async () => {
  const { cloud, metrics } = running.system;
  const checkHealth =
    Object.keys(cloud.statistics().functions).find((name) => name.includes('CheckHealth')) ?? '';
  await new DynamoDBClient(cloud.sdk('DYNAMODB')).send(
    new UpdateTableCommand({
      TableName: cloud.outputs['UserTableName'] ?? '',
      StreamSpecification: { StreamEnabled: false },
    }),
  );
  await cloud.invoke(checkHealth, {});
  await expect.poll(() => metrics.sum('ChangeFeedStopped'), { timeout: SETTLE_MS }).toBe(1);
  const { code, out } = await command('status', []);
  expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('the user table has no stream') });
});
