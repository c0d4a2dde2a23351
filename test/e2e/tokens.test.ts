import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { inSyncWith } from '../support/held.ts';

const SETTLE_MS = 150_000;
const USERS = population(90, 31, Date.now()).users;
const SECRET = 'user-sync/crm';

let running: SimulatedSystem;
let { system, door } = {} as SimulatedSystem;
beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS } },
    oauth: true,
  });
  ({ system, door } = running);
});
afterAll(() => running?.stop());

/** Longer than both rotations, each of which waits before it uses up a refresh token. */
async function signUpOneByOne(): Promise<void> {
  for (const user of USERS) {
    await system.app.signUp(user);
    await sleep(450);
  }
}

const requests = async () => (await door.stats()).totalRequests;

describe('OAuth tokens in the middle of a run', () => {
  it('are renewed, and die, without losing anybody', async () => {
    const signUps = signUpOneByOne();
    await expect.poll(requests, { timeout: SETTLE_MS, interval: 50 }).toBeGreaterThan(10);
    await system.cloud.rotate(SECRET);
    const whenRotated = await requests();
    await expect.poll(requests, { timeout: SETTLE_MS, interval: 50 }).toBeGreaterThan(whenRotated + 10);
    await door.set('oauth', { expireNow: true });
    await system.cloud.rotate(SECRET);
    await signUps;

    await expect
      .poll(async () => (await system.app.users()).filter(({ crm }) => crm?.contactId).length, {
        timeout: SETTLE_MS,
        interval: 500,
      })
      .toBe(USERS.length);
    await system.cloud.untilIdle(SETTLE_MS);
    expect(await inSyncWith(running)).toEqual({ inSync: USERS.length, problems: [] });
    expect(await system.deadLetters()).toBe(0);
    const { unauthorized, duplicateContacts } = await door.stats();
    expect(duplicateContacts).toBe(0);
    // Twice a token died: each environment had at most the requests of one window on their way.
    expect(unauthorized).toBeLessThanOrEqual(2 * 25);
  });

  it('are in no log, no template and no environment variable', async () => {
    const everything = [
      system.logs.join('\n'),
      JSON.stringify(system.cloud.outputs),
      JSON.stringify(system.template()),
    ].join('\n');
    for (const secret of system.secretValues()) {
      expect(secret.length).toBeGreaterThan(8);
      expect(everything).not.toContain(secret);
    }
  });
});
