import { describe, expect, it } from 'vitest';
import { World } from '../world.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const NO_EMAIL = 'nobody at nowhere';
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

  it('keep their users from meeting others until then', async () => {
    const world = worldOf(2);
    const { userId } = firstOf(world);
    world.later(NOW, 1000, [userId], async () => undefined);
    expect(world.sociable().map((user) => user.userId)).not.toContain(userId);
    await world.runDue(NOW + 1000);
    expect(world.sociable()).toHaveLength(2);
  });
});

describe('users without a usable email', () => {
  it('do not meet others', () => {
    const world = worldOf(2);
    world.change(firstOf(world), { email: NO_EMAIL });
    expect(world.sociable()).toHaveLength(1);
  });

  it('have at least one dead letter, and at most one for each message', () => {
    const world = worldOf(1);
    const user = world.change(firstOf(world), { email: NO_EMAIL });
    world.change(user, { firstName: 'Zenobia' });
    expect(world.deadLettersWithoutEmail(0).get(user.userId)).toEqual({ least: 1, most: 2 });
    expect(world.deadLettersWithoutEmail(3).get(user.userId)).toEqual({ least: 1, most: 5 });
  });

  it.each<[string, (world: World, userId: string) => void]>([
    ['they get one again', (world) => world.change(firstOf(world), { email: 'ann@example.com' })],
    ['they are deleted', (world, userId) => world.remove(userId)],
  ])('may have no dead letter if %s', (_, end) => {
    const world = worldOf(1);
    const user = world.change(firstOf(world), { email: NO_EMAIL });
    end(world, user.userId);
    expect(world.deadLettersWithoutEmail(0).get(user.userId)).toEqual({ least: 0, most: 1 });
  });

  it('are the only ones with dead letters', () => {
    const world = worldOf(1);
    world.change(firstOf(world), { firstName: 'Zenobia' });
    expect(world.deadLettersWithoutEmail(9).size).toBe(0);
  });
});
