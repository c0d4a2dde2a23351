import { describe, expect, it } from 'vitest';
import { desiredState, isSyncable } from '../../../shared/sync/desired-state.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import type { User } from '../../../shared/user/user.ts';
import type { ReadableContact } from '../../simulator/admin-routes.ts';
import { ACTIONS } from '../actions.ts';
import type { ChaosContext } from '../chaos-context.ts';
import { ManualChanges } from '../manual-changes.ts';
import { World } from '../world.ts';

/** Actions that change users or contacts, and no service. */
const NAMES = [
  'edit',
  'create',
  'delete',
  'recreate',
  'deleteInFlight',
  'correctEmail',
  'putOlder',
  'putWithout',
  'resync',
  'handOver',
  'swap',
  'mergeUsers',
  'drift',
  'webForm',
  'moveToSubscriber',
  'forbid',
  'forget',
  'breakEmail',
  'withoutEmail',
  'unreadable',
  'refuseBulkTags',
  'failContact',
  'serverErrors',
] as const;
const USERS = 40;
const ROUNDS = 400;

/** A run whose users are in memory, and whose sync is perfect: each user has a contact at once. */
function runWith(seed: number) {
  let revision = 0;
  /** Every write of the app is followed by one of the sync. */
  const withCrm = (user: User): User => ({
    ...user,
    crm: { contactId: numberOf(user.userId), revision: revision++ },
  });
  const world = new World(seed, USERS, Date.now());
  const rows = new Map([...world.users].map(([userId, user]) => [userId, withCrm(user)]));
  const merges: [number, number][] = [];
  const app = {
    signUp: async (user: User) => void rows.set(user.userId, withCrm(user)),
    edit: async (userId: string, changes: Partial<User>) => {
      const row = rows.get(userId);
      if (!row) throw new Error(`An edit must not create user ${userId}`);
      rows.set(userId, withCrm({ ...row, ...changes }));
    },
    remove: async (userId: string) => void rows.delete(userId),
    users: async () => [...rows.values()],
  };
  const controlApi = {
    contacts: async () => [...rows.values()].map(contactOf),
    merge: async (from: number, into: number) => {
      merges.push([from, into]);
      return true;
    },
    removeContact: async () => undefined,
    addContacts: async () => [{ id: 1 }],
    set: async () => undefined,
  };
  const sqs = { send: async () => undefined };
  const running = { system: { app, cloud: { outputs: {} } }, controlApi };
  const counts = { killed: 0, duplicates: 0, backfills: 0, limitsRaised: 0 };
  const manualChanges = new ManualChanges([]);
  const context = { world, running, manualChanges, sqs, counts } as unknown as ChaosContext;
  return { world, rows, merges, context };
}

const numberOf = (userId: string) => Number.parseInt(userId.slice(0, 8), 16);
const contactOf = ({ userId, email = '', crm }: User): ReadableContact => ({
  id: crm?.contactId ?? 0,
  values: { 'email_addresses.EMAIL1': email },
  customFields: { 'App User Id': userId },
  tags: [],
  emailStatus: null,
});

async function play(seed: number) {
  const run = runWith(seed);
  const { world, context } = run;
  for (let round = 0; round < ROUNDS; round++) {
    await ACTIONS[world.pick(NAMES) ?? 'edit']?.[1](context);
    if (world.random() < 0.3) await world.runDue(Date.now() + world.random() * 4000);
  }
  await world.runDue(Number.POSITIVE_INFINITY);
  return run;
}

describe.each([1, 2, 3, 4, 5])('after many actions (seed %i)', (seed) => {
  it('the table has exactly the expected users', async () => {
    const { world, rows } = await play(seed);
    const table = new Map([...rows].map(([userId, { crm: _, ...user }]) => [userId, user]));
    expect(table).toEqual(world.users);
    expect(world.changes).toBeGreaterThan(ROUNDS / 2);
  });

  it('no two users have the same email, so nobody has to be rejected for it', async () => {
    const { world } = await play(seed);
    const emails = [...world.users.values()]
      .filter(({ userId, email }) => email?.includes('@') && !world.rejected.has(userId))
      .map(({ email }) => email);
    expect(emails.length).toBeGreaterThan(5);
    expect(new Set(emails).size).toBe(emails.length);
  });

  it('no user’s contact was merged twice', async () => {
    const { world, merges } = await play(seed);
    const merged = merges.flat().filter((id) => [...world.merged].map(numberOf).includes(id));
    expect(merged.length).toBeGreaterThan(0);
    expect(new Set(merged).size).toBe(merged.length);
  });

  it('users whose email became unusable are still there, and only they have no email that the CRM accepts', async () => {
    const { world, rows } = await play(seed);
    const unusable = [...rows.values()].filter(
      (user) => !isSyncable(desiredState(mapping, user, Date.now())),
    );
    expect(new Set(unusable.map(({ userId }) => userId))).toEqual(world.rejected);
    expect(world.rejected.size).toBeGreaterThan(0);
    expect(world.unreadable.size).toBeGreaterThan(0);
    expect(world.bulkRefusals.size).toBeGreaterThan(0);
  });

  it('users without a contact of their own have not left', async () => {
    const { world } = await play(seed);
    expect([...world.drifted].filter((userId) => !world.users.has(userId))).toEqual([]);
    expect(world.drifted.size).toBeGreaterThan(0);
  });
});
