import { describe, expect, it } from 'vitest';
import { desiredState, hasNoEmailYet, isSyncable } from '../../../shared/sync/desired-state.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { World } from '../world.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const worldOf = (users: number) => new World(1, users, NOW);
const firstOf = (world: World) => [...world.users.values()][0] ?? expect.fail('no user');

describe('the steps of an action', () => {
  it('run when they are due, the earliest first', async () => {
    const world = worldOf(1);
    const ran: string[] = [];
    const step = (name: string) => async () => void ran.push(name);
    world.later(NOW, 2000, [], step('second'));
    world.later(NOW, 1000, [], step('first'));
    world.later(NOW, 3000, [], step('third'));
    await world.runDue(NOW + 999);
    expect(ran).toEqual([]);
    await world.runDue(NOW + 2000);
    expect(ran).toEqual(['first', 'second']);
    await world.runDue(Number.POSITIVE_INFINITY);
    await world.runDue(Number.POSITIVE_INFINITY);
    expect(ran).toEqual(['first', 'second', 'third']);
  });

  it('exclude their users from actions on two users until then', async () => {
    const world = worldOf(2);
    const { userId } = firstOf(world);
    world.later(NOW, 1000, [userId], async () => undefined);
    expect(world.availableForPairs().map((user) => user.userId)).not.toContain(userId);
    await world.runDue(NOW + 1000);
    expect(world.availableForPairs()).toHaveLength(2);
  });
});

describe('a user whose email becomes unusable', () => {
  it('is touched by no action afterwards', () => {
    const world = worldOf(2);
    const user = firstOf(world);
    const email = world.breakEmail(user);
    world.change(user, { email });
    expect(hasNoEmailYet(desiredState(mapping, { ...user, email }, NOW))).toBe(false);
    expect(isSyncable(desiredState(mapping, { ...user, email }, NOW))).toBe(false);
    expect(world.changeable()).toHaveLength(1);
    expect(world.availableForPairs()).toHaveLength(1);
    expect([...world.rejected]).toEqual([user.userId]);
  });
});

it('a user without an email is excluded from actions on two users', () => {
  const world = worldOf(2);
  world.change(firstOf(world), { email: undefined });
  expect(world.changeable()).toHaveLength(2);
  expect(world.availableForPairs()).toHaveLength(1);
});

it('a new email is one that the CRM may accept, in many forms', () => {
  const world = worldOf(1);
  const user = firstOf(world);
  const emails = Array.from({ length: 100 }, () => world.newEmail(user));
  for (const email of emails) expect(isSyncable(desiredState(mapping, { ...user, email }, NOW))).toBe(true);
  for (const part of [/xn--/, /&.*!/, /\P{ASCII}/u])
    expect(emails.some((email) => part.test(email))).toBe(true);
});
