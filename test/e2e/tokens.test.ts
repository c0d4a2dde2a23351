import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CREDENTIALS_RETRY } from '../../shared/quota/retry-policy.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { inSyncWith } from '../support/in-sync-with.ts';
import { sum } from '../support/sum.ts';

const SETTLE_MS = 150_000;
const MOST_USERS = population(300, 31, Date.now()).users;
const SECRET = 'user-sync/crm';

let running: SimulatedSystem;
let { system, controlApi } = {} as SimulatedSystem;
beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS } },
    oauth: true,
  });
  ({ system, controlApi } = running);
});
afterAll(() => running?.stop());

/** Signs users up one by one until both rotations are done, so that each happens while the sync works. @returns number of users. */
async function signUpUntil(isDone: () => boolean): Promise<number> {
  let users = 0;
  for (const user of MOST_USERS) {
    if (isDone()) break;
    await system.app.signUp(user);
    users++;
    await sleep(250);
  }
  return users;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = Date.now();
  await work();
  return Date.now() - startedAt;
}

const requests = async () => (await controlApi.stats()).totalRequests;

describe('OAuth tokens during a run', () => {
  it('are rotated and expire without losing a user', async () => {
    let areRotationsDone = false;
    const signUps = signUpUntil(() => areRotationsDone);
    await expect.poll(requests, { timeout: SETTLE_MS, interval: 50 }).toBeGreaterThan(10);
    const rotationsMs = [await timeOf(() => system.cloud.rotate(SECRET))];
    const whenRotated = await requests();
    await expect.poll(requests, { timeout: SETTLE_MS, interval: 50 }).toBeGreaterThan(whenRotated + 10);
    await controlApi.set('oauth', { expireNow: true });
    rotationsMs.push(await timeOf(() => system.cloud.rotate(SECRET)));
    areRotationsDone = true;
    const users = await signUps;
    expect(users).toBeLessThan(MOST_USERS.length);

    await expect
      .poll(async () => (await system.app.users()).filter(({ crm }) => crm?.contactId).length, {
        timeout: SETTLE_MS,
        interval: 500,
      })
      .toBe(users);
    await system.cloud.untilIdle(SETTLE_MS);
    expect(await inSyncWith(running)).toEqual({ inSync: users, problems: [], wrongTags: 0 });
    expect(await system.deadLetters()).toBe(0);
    const { unauthorized, duplicateContacts } = await controlApi.stats();
    expect(duplicateContacts).toBe(0);
    // A token expired twice. Each time, at most the requests of one window were on their way. A token that was refused is tried again
    // while a rotation lasts.
    const windows = rotationsMs.map((ms) => 1 + Math.floor(ms / CREDENTIALS_RETRY.firstRefusalMs));
    expect(unauthorized).toBeLessThanOrEqual(25 * sum(windows));
  });

  it('appear in no log, template or output', async () => {
    const everything = [
      system.logs.join('\n'),
      JSON.stringify(system.cloud.outputs),
      JSON.stringify(await system.template()),
    ].join('\n');
    for (const secret of system.secretValues()) {
      expect(secret.length).toBeGreaterThan(8);
      expect(everything).not.toContain(secret);
    }
  });
});
