import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import {
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appOn } from '../demo/app.ts';
import { PersonalData } from '../demo/personal-data.ts';
import { population } from '../demo/population.ts';
import { signUpAll } from '../demo/scenario.ts';
import { simulatorClient } from '../demo/simulator-client.ts';
import { spawnSimulator } from '../demo/spawn-simulator.ts';
import { DEFAULT_CLIENT } from '../simulator/oauth.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { Checkout, type CommandResult } from './checkout.ts';
import { DeployedStack, sdkOf } from './deployed-stack.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { pythonTools } from './python-tools.ts';
import { Rotation } from './rotation.ts';

const ACCOUNT = 'aws://000000000000/us-east-1';
const SYNC_TIMEOUT_MS = 60_000;
const EXISTING_USERS = 60;
const LATENCY = ['--latency-median', '40', '--latency-p95', '120'];
/** MiniStack does not support rotation schedules, see `limits-of-the-emulator.md`. */
const NO_ROTATION = { tokenRotationHours: 'off' } as const;

let emulator: Emulator;
let simulators: RunningSimulator[];
let controlApis: ReturnType<typeof simulatorClient>[];
let checkout: Checkout;

beforeAll(async () => {
  emulator = await startEmulator();
  simulators = [await spawnSimulator(LATENCY), await spawnSimulator(LATENCY)];
  controlApis = simulators.map(({ url }) => simulatorClient(url));
  await Promise.all(controlApis.map((controlApi) => controlApi.declareOwnership()));
  checkout = new Checkout(emulator.environment);
});
afterAll(async () => {
  checkout?.remove();
  await Promise.all((simulators ?? []).map((simulator) => simulator.stop()));
  await emulator?.stop();
});

/** The default settings, except for the address of the CRM. */
const SETTINGS = () => ({ crm: { url: url(0), ...NO_ROTATION } });
const controlApi = () => controlApis[0] as (typeof controlApis)[number];
const url = (index: number) => simulators[index]?.url ?? '';
const find = (name: string) => DeployedStack.find(emulator.environment, name);

/** @returns standard output of the command. Fails with all output when the exit code is not 0. */
function succeeded({ code, out, err }: CommandResult): string {
  expect(code, `${out}\n${err}`).toBe(0);
  return out;
}

async function untilInSync(stack: DeployedStack, at = controlApi()): Promise<void> {
  await expect
    .poll(() => stack.verify(at), { timeout: SYNC_TIMEOUT_MS, interval: 500 })
    .toMatchObject({ problems: [] });
}

describe('one stack, by the commands of the README', () => {
  let stack: DeployedStack;

  it('cdk bootstrap prepares the account', async () => {
    succeeded(await checkout.cdk('bootstrap', ACCOUNT));
  });

  it('deploy deploys the stack of the default settings by its name', async () => {
    checkout.configure(SETTINGS());
    const out = succeeded(await checkout.userSync('deploy', ['--yes']));
    expect(out).toContain('user-sync is deployed');
    expect(out).toContain('npx --no user-sync authorize');
    stack = await find('user-sync');
  });

  it('npx --no user-sync authorize stores tokens by OAuth, and the CRM accepts them', async () => {
    let opened = false;
    const out = succeeded(
      await checkout.userSync(
        'authorize',
        ['--port', '0', '--authorize-url', `${url(0)}/app/oauth/authorize`],
        {
          environment: {
            INFUSIONSOFT_CLIENT_ID: DEFAULT_CLIENT.clientId,
            INFUSIONSOFT_CLIENT_SECRET: DEFAULT_CLIENT.clientSecret,
          },
          onStandardError(text) {
            const page = /https?:\S+authorize\S+/.exec(text)?.[0];
            if (opened || !page) return;
            opened = true;
            void fetch(page);
          },
        },
      ),
    );
    expect(opened).toBe(true);
    expect(out).toContain('✓');
  });

  it('the rotation function rotates the tokens, and the CRM accepts them', async () => {
    checkout.configure({ crm: { url: url(0) } });
    succeeded(await checkout.npm('synth'));
    checkout.configure(SETTINGS());
    const rotation = await Rotation.deploy(emulator.environment, {
      assembly: `${checkout.directory}/cdk.out`,
      stack: 'user-sync',
      python: await pythonTools(),
    });
    const secrets = new SecretsManagerClient(sdkOf(emulator.environment));
    const SecretId = stack.output('SecretArn');
    const current = async () => {
      const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId }));
      return JSON.parse(SecretString ?? '{}');
    };
    for (let times = 0; times < 2; times++) {
      const { accessToken, refreshToken } = await current();
      await rotation.rotate(SecretId);
      const rotated = await current();
      expect(rotated).toMatchObject({ kind: 'oauth' });
      expect(rotated.accessToken).not.toBe(accessToken);
      expect(rotated.refreshToken).not.toBe(refreshToken);
      const answer = await fetch(`${url(0)}/crm/rest/v1/tags`, {
        headers: { authorization: `Bearer ${rotated.accessToken}` },
      });
      expect(answer.status).toBe(200);
    }
  });

  it('npx --no user-sync authorize stores a key in its place', async () => {
    expect(
      succeeded(
        await checkout.userSync('authorize', ['--service-account-key'], { input: `${DEFAULT_TOKEN}\n` }),
      ),
    ).toContain('✓');
  });

  it('npx --no user-sync catalog creates the fields and tags of the mapping', async () => {
    const report = JSON.parse(succeeded(await checkout.userSync('catalog', ['--create', '--json'])));
    expect(report).toMatchObject({ problems: [], missing: [] });
    expect(report.tags.length).toBeGreaterThan(5);
  });

  it('npx --no user-sync acceptance proves the stack, and leaves nothing', async () => {
    const { ok, deviations, latencyMs, requests } = JSON.parse(
      succeeded(await checkout.userSync('acceptance', ['--users', '10', '--yes', '--json'])),
    );
    expect({ ok, deviations }).toEqual({ ok: true, deviations: [] });
    expect(latencyMs.created.count).toBeGreaterThan(5);
    expect(requests.sync.users).toBeGreaterThan(5);
    expect(await stack.app.users()).toEqual([]);
    expect(await controlApi().contacts()).toEqual([]);
  });

  it('syncs users who sign up', async () => {
    const { users } = population(19, 11, Date.now());
    await signUpAll(stack.app, users);
    await untilInSync(stack);
    expect(await stack.verify(controlApi())).toMatchObject({ users: 19, inSync: 19 });
    expect(await controlApi().stats()).toMatchObject({ duplicateContacts: 0, foreignWrites: [] });
  });

  it('npx --no user-sync trace shows the change of a user and the requests it took', async () => {
    const [user] = await stack.app.users();
    const lines = JSON.parse(
      succeeded(await checkout.userSync('trace', ['--user', user?.userId ?? '', '--json'])),
    );
    expect(lines.length).toBeGreaterThan(1);
    for (const { userId } of lines) expect(userId).toBe(user?.userId);
    expect(JSON.stringify(lines)).toContain('/crm/rest/v1/contacts');
  });

  it('npx --no user-sync preview shows that nothing would change', async () => {
    const summary = JSON.parse(succeeded(await checkout.userSync('preview', ['--all', '--json'])));
    expect(summary).toMatchObject({ users: 19, changed: 0 });
  });

  it('npx --no user-sync quota shows the requests that were made', async () => {
    const { windows } = JSON.parse(succeeded(await checkout.userSync('quota', ['--json'])));
    const day = windows.find(({ window }: { window: string }) => window === 'day');
    expect(day.used).toBeGreaterThanOrEqual((await controlApi().stats()).totalRequests);
  });

  it('npx --no user-sync redrive shows a rejected user, and puts it back once its email is corrected', async () => {
    await stack.app.signUp({ userId: 'wrong-email', email: 'nobody at nowhere', firstName: 'Samuelson' });
    const report = async (...args: string[]) =>
      JSON.parse(succeeded(await checkout.userSync('redrive', [...args, '--json'])));
    await expect
      .poll(() => report('--dry-run'), { timeout: SYNC_TIMEOUT_MS, interval: 1000 })
      .toMatchObject({ reasons: [{ reason: 'no-usable-email', exampleUserId: 'wrong-email' }] });
    await stack.app.edit('wrong-email', { email: 'right-email@example.com' });
    expect(await report('--reason', 'no-usable-email')).toMatchObject({ redriven: 1 });
    await untilInSync(stack);
    expect(await report('--dry-run')).toMatchObject({ reasons: [] });
  });

  it('npx --no user-sync status shows that nothing needs a person', async () => {
    expect(succeeded(await checkout.userSync('status'))).toContain('✓');
  });

  it('check-health and status report a disabled event source of diff-user until it is enabled again', async () => {
    const lambda = new LambdaClient(sdkOf(emulator.environment));
    const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
    const FunctionName = Functions.map((each) => each.FunctionName).find((name) =>
      name?.includes('CheckHealth'),
    );
    const reported = async () => {
      const { LogResult = '' } = await lambda.send(new InvokeCommand({ FunctionName, LogType: 'Tail' }));
      return /"ChangeFeedStopped":(\d)/.exec(Buffer.from(LogResult, 'base64').toString())?.[1];
    };
    const enable = (Enabled: boolean) =>
      lambda.send(
        new UpdateEventSourceMappingCommand({ UUID: stack.output('ChangeFeedMappingId'), Enabled }),
      );
    expect(await reported()).toBe('0');
    await enable(false);
    expect(await reported()).toBe('1');
    const { code, out } = await checkout.userSync('status');
    expect({ code, out }).toEqual({ code: 1, out: expect.stringContaining('its event source is Disabled') });
    await enable(true);
    expect(await reported()).toBe('0');
  });

  it('a deploy with a changed mapping and a refresh apply the new tag to active users', async () => {
    const mapping = checkout.read('shared/user/mapping.ts');
    checkout.write(
      'shared/user/mapping.ts',
      mapping.replace(
        'tagGroups: [',
        "tagGroups: [tagGroup({ tags: { 'Second Deploy': 'Of the second deploy' }, pick: () => 'Second Deploy' }), ",
      ),
    );
    expect(checkout.read('shared/user/mapping.ts')).not.toBe(mapping);
    succeeded(await checkout.userSync('deploy', ['--stack', 'user-sync', '--yes']));
    await stack.backfill({ mode: 'refresh' });
    const active = (await controlApi().contacts()).filter(({ tags }) => tags.includes('Second Deploy'));
    expect(active.length).toBeGreaterThan(5);
    checkout.write('shared/user/mapping.ts', mapping);
  });

  it('cdk destroy keeps the tables and the secret, and a new stack uses them', async () => {
    succeeded(await checkout.cdk('destroy', 'user-sync', '--force'));
    await expect(find('user-sync')).rejects.toThrow(/user-sync/);
    const dynamodb = new DynamoDBClient(sdkOf(emulator.environment));
    const { Table: table } = await dynamodb.send(
      new DescribeTableCommand({ TableName: stack.output('UserTableName') }),
    );
    await dynamodb.send(new DescribeTableCommand({ TableName: stack.output('SyncTableName') }));
    const secret = await new SecretsManagerClient(sdkOf(emulator.environment)).send(
      new DescribeSecretCommand({ SecretId: stack.output('SecretArn') }),
    );
    checkout.configure({
      crm: { url: url(0), ...NO_ROTATION, existingSecretArn: secret.ARN ?? '' },
      userTable: { arn: table?.TableArn ?? '', streamArn: table?.LatestStreamArn ?? '' },
    });
    const contactsBefore = (await controlApi().contacts()).length;
    succeeded(await checkout.userSync('deploy', ['--stack', 'user-sync', '--yes']));
    stack = await find('user-sync');
    const [user] = await stack.app.users();
    await stack.app.edit(user?.userId ?? '', { firstName: 'Redeployed' });
    await untilInSync(stack);
    expect((await controlApi().contacts(user?.email))[0]?.values['given_name']).toBe('Redeployed');
    expect((await controlApi().contacts()).length).toBe(contactsBefore);
    succeeded(await checkout.cdk('destroy', 'user-sync', '--force'));
  });
});

describe('two accounts, one with an existing table', () => {
  const { users } = population(EXISTING_USERS, 23, Date.now());

  it('deploy deploys each by its name', async () => {
    const dynamodb = new DynamoDBClient(sdkOf(emulator.environment));
    const TableName = 'users';
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        KeySchema: [{ AttributeName: 'userId', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'userId', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    // Written before the stream is enabled, so only a backfill syncs them.
    await signUpAll(appOn(dynamodb, TableName, new PersonalData()), users);
    const { TableDescription: table } = await dynamodb.send(
      new UpdateTableCommand({
        TableName,
        StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      }),
    );
    checkout.configure({
      accounts: {
        production: {
          crm: { url: url(0), ...NO_ROTATION },
          userTable: { arn: table?.TableArn ?? '', streamArn: table?.LatestStreamArn ?? '' },
        },
        sandbox: { crm: { url: url(1), ...NO_ROTATION } },
      },
    });
    const refused = await checkout.userSync('deploy', ['--yes']);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('user-sync-production, user-sync-sandbox');
    for (const name of ['user-sync-production', 'user-sync-sandbox']) {
      expect(succeeded(await checkout.userSync('deploy', ['--stack', name, '--yes']))).toContain(
        `${name} is deployed`,
      );
      succeeded(
        await checkout.userSync('authorize', ['--stack', name, '--service-account-key'], {
          input: `${DEFAULT_TOKEN}\n`,
        }),
      );
    }
  });

  it(`a backfill started with {} syncs ${EXISTING_USERS} users`, async () => {
    await controlApi().countAnew();
    const production = await find('user-sync-production');
    const report = await production.backfill({});
    expect(report).toMatchObject({ mode: 'contacts', enqueued: EXISTING_USERS });
    expect(await production.verify(controlApi())).toMatchObject({
      users: EXISTING_USERS,
      inSync: EXISTING_USERS,
      problems: [],
    });
    expect(await controlApi().stats()).toMatchObject({ duplicateContacts: 0, foreignWrites: [] });
  });

  it('a refresh ends when the CRM always refuses a user, and reports that user', async () => {
    const production = await find('user-sync-production');
    const [refused] = (await production.app.users()).filter(
      ({ subscription }) => subscription?.status === 'active',
    );
    const { userId = '', email = '' } = refused ?? {};
    await controlApi().set('forbidden', { emails: [email] });
    await production.app.edit(userId, { firstName: 'Forbidden' });
    const [refresh, contacts] = await Promise.all([
      production.backfill({ mode: 'refresh' }),
      production.backfill({ mode: 'contacts' }),
    ]);
    expect(refresh).toMatchObject({ mode: 'refresh', unfinished: { total: 1, users: [{ userId }] } });
    expect(contacts).toMatchObject({ mode: 'contacts', unfinished: { total: 0 } });
    await controlApi().set('forbidden', { emails: [] });
  });

  it('a user of one account is not synced to the other', async () => {
    const sandbox = await find('user-sync-sandbox');
    const [user] = population(1, 31, Date.now()).users;
    if (user) await sandbox.app.signUp(user);
    await untilInSync(sandbox, controlApis[1]);
    expect(await controlApis[1]?.contacts(user?.email)).toHaveLength(1);
    expect(await controlApi().contacts(user?.email)).toHaveLength(0);
  });

  it('cdk destroy removes both', async () => {
    succeeded(await checkout.cdk('destroy', '--all', '--force'));
    for (const name of ['user-sync-production', 'user-sync-sandbox'])
      await expect(find(name)).rejects.toThrow(name);
  });
});
