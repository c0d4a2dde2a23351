import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followBackfill, startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import type { User } from '../../shared/user/user.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { type LocalSystem, startLocalSystem } from '../demo/local-system.ts';
import { population } from '../demo/population.ts';
import { simulatorClient } from '../demo/simulator-client.ts';
import { spawnSimulator } from '../demo/spawn-simulator.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import type { RunningSimulator } from '../simulator/start-simulator.ts';
import { commandsOn } from '../support/command.ts';

const SETTLE_MS = 120_000;
const DAY_MS = 86_400_000;
/** All are active, so that the refresh checks each of them. */
const USERS = population(12, 61, Date.now()).users.map((user, index) => ({
  ...user,
  lastActiveAt: new Date(Date.now() - (index % 10) * DAY_MS).toISOString(),
})) as [User, User, ...User[]];

/** The next mapping: a new field for the time zone, and other names for two tags. */
const NEXT = 'shared/user/mapping.next-under-test.ts';
const NEXT_SOURCE = `import { type Mapping, tagGroup } from './define-mapping.ts';
import { mapping as today } from './mapping.ts';
const [appUser, , program, activity] = today.tagGroups;
const paying = tagGroup({
  tags: { Paying: 'Pays for a subscription', 'Not Paying': 'Does not pay' },
  pick: ({ subscription }) => (subscription?.status === 'active' ? 'Paying' : 'Not Paying'),
});
export const mapping: Mapping = {
  ...today,
  customFields: {
    ...today.customFields,
    'Home Zone': {
      type: 'Dropdown',
      options: ['America/New_York', 'Europe/Berlin', 'Asia/Tokyo', 'Australia/Sydney'],
      value: ({ timeZone }) => timeZone,
    },
  },
  tagGroups: [appUser, paying, program, activity].filter((group) => group !== undefined),
};
`;

const root = fileURLToPath(new URL('../../', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'preview-'));
let simulator: RunningSimulator;
let system: LocalSystem;
let controlApi: ReturnType<typeof simulatorClient>;
let withdraw = () => {};
const command = commandsOn(() => system);

const settle = () => system.cloud.untilIdle(SETTLE_MS);
async function deploy(
  settings: { mapping?: string },
  existing: Partial<Awaited<ReturnType<LocalSystem['items']>>> = {},
) {
  system = await startLocalSystem({
    settings: { ...settings, crm: { windowSlackMs: BUSY_SLACK_MS, url: simulator.url } },
    credentials: { kind: 'service-account-key', key: DEFAULT_TOKEN },
    ...existing,
  });
  withdraw = publishConnection(system.connection);
}
/** Requests for contacts since an earlier moment, by route. */
async function requestsSince(before: Readonly<Record<string, number>>) {
  const cost = Object.entries((await controlApi.stats()).requests)
    .filter(([route]) => / \/contacts(\/\{id\}(\/tags)?)?$/.test(route))
    .map(([route, count]): [string, number] => [route, count - (before[route] ?? 0)]);
  return Object.fromEntries(cost.filter(([, count]) => count > 0));
}

beforeAll(async () => {
  writeFileSync(root + NEXT, NEXT_SOURCE);
  simulator = await spawnSimulator(['--latency-median', '10', '--latency-p95', '20']);
  controlApi = simulatorClient(simulator.url);
  await deploy({});
  await Promise.all(USERS.map((user) => system.app.signUp(user)));
  await settle();
});
afterAll(async () => {
  withdraw();
  rmSync(root + NEXT, { force: true });
  rmSync(directory, { recursive: true });
  await simulator?.stop();
  await system?.stop();
});

describe('npx --no user-sync catalog', () => {
  it('shows ids, categories, the number of contacts with each tag, and how the account updates arrays', async () => {
    const { code, out } = await command('catalog', []);
    expect(code).toBe(0);
    expect(out).toMatch(/\d+ +12 +App User +Has an account in the app/);
    expect(out).toMatch(/\d+ +Program Week +WholeNumber/);
    expect(out).toMatch(/PUT \/contacts \(creates or updates\) +kept[\s\S]*PATCH \/contacts\/{id} +kept/);
    expect(out).not.toMatch(/Missing|Does not fit/);
  });

  it('lists what another mapping lacks in the account, and creates it with --create', async () => {
    const before = await command('catalog', ['--mapping', NEXT, '--json']);
    expect(JSON.parse(before.out).missing).toEqual([
      'tag "Paying"',
      'tag "Not Paying"',
      'custom field "Home Zone"',
    ]);
    const after = await command('catalog', ['--mapping', NEXT, '--create', '--json']);
    expect(after.code).toBe(0);
    expect(JSON.parse(after.out)).toMatchObject({ missing: [], problems: [] });
    const again = await command('catalog', ['--mapping', NEXT, '--create', '--json']);
    expect(JSON.parse(again.out).customFields).toEqual(JSON.parse(after.out).customFields);
  });

  it('fails for a mapping that does not fit the account, with the reason', async () => {
    const file = `${NEXT}.wrong.ts`;
    writeFileSync(
      root + file,
      NEXT_SOURCE.replace("'America/New_York', ", "'Europe/Paris', ")
        .replace("'Home Zone'", 'Program')
        .replace('...today.customFields,', ''),
    );
    const { code, out } = await command('catalog', ['--mapping', file]);
    rmSync(root + file);
    expect(code).toBe(1);
    expect(out).toMatch(/✗ custom field "Program": is of type Text in the CRM, and Dropdown in the mapping/);
  });
});

describe('npx --no user-sync preview', () => {
  const [ann] = USERS;

  it('predicts no request for a user in sync', async () => {
    const { code, out } = await command('preview', ['--user', ann.userId]);
    expect(code).toBe(0);
    expect(out).toMatch(/Requests: 0/);
    expect(out).not.toContain('≠');
  });

  it('shows a manual change in the CRM beside the desired value', async () => {
    const { crm } = (await system.app.users()).find(({ userId }) => userId === ann.userId) ?? {};
    await fetch(`${simulator.url}/crm/rest/v1/contacts/${crm?.contactId}`, {
      method: 'PATCH',
      headers: { 'x-keap-api-key': DEFAULT_TOKEN, 'content-type': 'application/json' },
      body: JSON.stringify({ given_name: 'By Hand' }),
    });
    const { out } = await command('preview', ['--user', ann.userId]);
    expect(out).toMatch(new RegExp(`≠ +given_name +By Hand +${ann.firstName}`));
  });

  it('previews a new user, and another day', async () => {
    const file = join(directory, 'user.json');
    const user = {
      userId: 'new',
      email: 'new@example.com',
      lastActiveAt: new Date().toISOString(),
      progress: { week: 99 },
    };
    writeFileSync(file, JSON.stringify(user));
    const today = JSON.parse((await command('preview', ['--file', file, '--json'])).out);
    expect(today).toMatchObject({
      contactId: null,
      requests: [{ method: 'PUT' }, { method: 'POST', what: ['App User', 'Active'] }],
    });
    const later = JSON.parse(
      (await command('preview', ['--file', file, '--at', '2099-01-01', '--json'])).out,
    );
    expect(later.tags).toContainEqual({ tag: 'Inactive 30 days', current: false, desired: true });
  });

  it.each([
    [['--user', 'nobody'], /There is no user nobody in the table/],
    [[], /Give exactly one of --user ID, --file user.json, and --all/],
    [['--file', 'nowhere.json'], /nowhere.json contains no user/],
    [['--all', '--mapping', 'nowhere.ts'], /There is no file nowhere.ts/],
  ])('explains what to do for %j', async (args, expected) => {
    const { code, err } = await command('preview', args);
    expect(code).toBe(args.length === 0 ? 2 : 1);
    expect(err).toMatch(expected);
  });

  it('estimates all users from a sample', async () => {
    const { out } = await command('preview', ['--all', '--sample', '5', '--mapping', NEXT]);
    expect(out).toMatch(/a sample of 5 of about 12 users: 5 would change/);
  });
});

it('a refresh with a new mapping makes the requests of its preview, and a read after a change by hand', async () => {
  const { out } = await command('preview', ['--all', '--mapping', NEXT, '--json']);
  const preview = JSON.parse(out);
  expect(preview).toMatchObject({
    users: 12,
    changed: 12,
    refreshed: 12,
    fields: { 'custom_fields.Home Zone': 12 },
  });
  const before = (await controlApi.stats()).requests;

  const existing = await system.items();
  withdraw();
  await system.stop();
  await deploy({ mapping: NEXT }, existing);
  const sfn = new SFNClient(system.cloud.sdk('SFN'));
  const execution = await startBackfill(sfn, system.cloud.outputs['BackfillStateMachineArn'] ?? '', {
    mode: 'refresh',
  });
  await followBackfill(sfn, execution, 100, () => {});
  await settle();

  // A preview cannot know that the sync reads the contact whose name was changed by hand, to see whose it is.
  expect(await requestsSince(before)).toEqual({ ...preview.byRoute, 'GET /contacts/{id}': 1 });
  expect(preview.requests).toBe(preview.estimate.refreshRequests);
  const contacts = await controlApi.contacts();
  for (const [tag, count] of Object.entries<number>(preview.tagsAdded))
    expect(contacts.filter(({ tags }) => tags.includes(tag))).toHaveLength(count);
  for (const { email, timeZone, subscription } of USERS) {
    const [contact] = await controlApi.contacts(email);
    expect(contact?.customFields).toMatchObject({ 'Home Zone': timeZone });
    expect(contact?.tags).toContain(subscription?.status === 'active' ? 'Paying' : 'Not Paying');
  }
  const after = JSON.parse((await command('preview', ['--all', '--json'])).out);
  expect(after).toMatchObject({ changed: 0, requests: 0, created: [] });
});
