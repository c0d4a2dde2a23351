import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { User } from '../../shared/user/user.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';

const SETTLE_MS = 120_000;
const USERS = population(6, 5, Date.now()).users as [User, User, User, User, User, User];

let running: SimulatedSystem;
let { system, controlApi } = {} as SimulatedSystem;

beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    // With a KMS key of the stack. The other tests have none.
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS }, encryptionKey: 'create' },
  });
  ({ system, controlApi } = running);
  await Promise.all(USERS.map((user) => system.app.signUp(user)));
  await settle();
});
afterAll(() => running?.stop());

const settle = () => system.cloud.untilIdle(SETTLE_MS);
const contactOf = async ({ email = '' }: User) => (await controlApi.contacts(email))[0];
const row = async ({ userId }: User) => (await system.app.users()).find((user) => user.userId === userId);
const requests = async () => (await controlApi.stats()).totalRequests;

describe('the system from the synthesized template', () => {
  it('creates contacts with tags for users who sign up, and stores their ids in the table', async () => {
    for (const user of USERS) {
      const contact = await contactOf(user);
      expect(contact).toMatchObject({ customFields: { 'App User Id': user.userId } });
      expect(contact?.tags).toContain('App User');
      expect((await row(user))?.crm).toMatchObject({ contactId: contact?.id });
    }
  });

  it('makes no request for an irrelevant change, or for its own write-back', async () => {
    const before = await requests();
    await system.app.edit(USERS[0].userId, { lastActiveAt: USERS[0].lastActiveAt });
    await settle();
    expect(await requests()).toBe(before);
  });

  it('restores a removed crm attribute without a duplicate contact', async () => {
    const contact = await contactOf(USERS[1]);
    await system.app.edit(USERS[1].userId, { crm: undefined });
    await settle();
    expect((await row(USERS[1]))?.crm).toMatchObject({ contactId: contact?.id });
    expect((await controlApi.stats()).duplicateContacts).toBe(0);
  });

  it('replaces the managed tags of a deleted user by the tag for deleted users', async () => {
    await system.app.remove(USERS[2].userId);
    await settle();
    expect((await contactOf(USERS[2]))?.tags).toEqual(['Account Deleted']);
    expect(await row(USERS[2])).toBeUndefined();
  });

  it('moves a user without a usable email to the dead-letter queue, with the reason in the table', async () => {
    await system.app.edit(USERS[3].userId, { email: 'nobody at nowhere' });
    await settle();
    expect(await system.deadLetters()).toBe(1);
    expect((await row(USERS[3]))?.crm?.rejection).toMatchObject({ reason: 'no-usable-email' });
    await system.app.edit(USERS[3].userId, { email: USERS[3].email });
    await settle();
    expect((await row(USERS[3]))?.crm).not.toHaveProperty('rejection');
  });

  it('loses nothing in an outage of the CRM', async () => {
    await controlApi.set('faults', { rate: 1, kinds: ['server-error', 'html', 'truncated'] });
    await system.app.edit(USERS[4].userId, { firstName: 'Patience' });
    await expect.poll(() => system.metrics.sum('Users.postponed'), { timeout: SETTLE_MS }).toBeGreaterThan(0);
    await controlApi.set('faults', { rate: 0 });
    await settle();
    expect((await contactOf(USERS[4]))?.values).toMatchObject({ given_name: 'Patience' });
  });

  it('loses and duplicates nothing when an environment is killed', async () => {
    const newcomers = population(30, 9, Date.now()).users;
    await Promise.all(newcomers.map((user) => system.app.signUp(user)));
    const name = system.cloud.outputs['SyncContactFunctionName'] ?? '';
    const before = await requests();
    await expect.poll(requests, { timeout: SETTLE_MS, interval: 20 }).toBeGreaterThan(before + 5);
    expect(system.cloud.killEnvironment(name)).toBe(true);
    // Messages of the killed environment stay hidden for the visibility timeout of the queue, as on AWS.
    await expect
      .poll(async () => (await system.app.users()).filter(({ crm }) => crm?.contactId).length, {
        timeout: SETTLE_MS,
      })
      .toBeGreaterThanOrEqual(USERS.length - 1 + 20);
    expect((await controlApi.stats()).duplicateContacts).toBe(0);
  });

  it('changed nothing that people made by hand, and stayed within the limits', async () => {
    const { foreignWrites, throttled, maxArrivalsInAnySecond } = await controlApi.stats();
    expect({ foreignWrites, throttled }).toEqual({ foreignWrites: [], throttled: 0 });
    expect(maxArrivalsInAnySecond).toBeLessThanOrEqual(25);
  });
});
