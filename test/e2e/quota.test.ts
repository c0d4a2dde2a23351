import { SFNClient } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followBackfill, startBackfill } from '../../infra/cli/backfill/follow-backfill.ts';
import type { User } from '../../shared/user/user.ts';
import { BUSY_SLACK_MS, isRefusedOften } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { inSyncWith } from '../support/in-sync-with.ts';

const SETTLE_MS = 170_000;
const USERS = population(90, 21, Date.now()).users as [User, ...User[]];
/** So low that the test can react in time, also on a busy machine. */
const LIMITS = { second: 8, minute: 480, day: 125_000 };
/** Requests of another program, and what the day then leaves to the backfill. */
const OTHERS = 100;
const LEFT = 20;
const LIVE_RESERVE = 0.5;
/** Time for what has to happen before the day ends: the last requests of the backfill, and one edit. */
const DAY_ENDS_MS = 60_000;

let running: SimulatedSystem;
let { system, controlApi } = {} as SimulatedSystem;
beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    settings: {
      crm: { windowSlackMs: BUSY_SLACK_MS, limits: LIMITS },
      backfill: { liveReserve: LIVE_RESERVE },
    },
    existingUsers: USERS.map((user) => marshall(user, { removeUndefinedValues: true })),
  });
  ({ system, controlApi } = running);
});
afterAll(() => running?.stop());

const synced = async () => (await system.app.users()).filter(({ crm }) => crm?.contactId).length;

describe('a backfill that exhausts the daily quota, shared with another program', () => {
  it('leaves the reserve to live changes, waits, continues by itself, and syncs every user', async () => {
    const sfn = new SFNClient(system.cloud.sdk('SFN'));
    const execution = await startBackfill(sfn, system.cloud.outputs['BackfillStateMachineArn'] ?? '', {});
    let waitsForQuota = false;
    const finished = followBackfill(sfn, execution, 200, ({ run }) => {
      waitsForQuota ||= run.next === 'waitForQuota';
    });

    await expect.poll(synced, { timeout: SETTLE_MS, interval: 100 }).toBeGreaterThan(10);
    const used = (await controlApi.stats()).totalRequests + OTHERS;
    const day = (used + LEFT) / LIVE_RESERVE;
    await controlApi.set('limits', { day, usedByOthers: OTHERS, dayEndsInMs: DAY_ENDS_MS });
    const endOfDay = Date.now() + DAY_ENDS_MS;
    await expect.poll(() => waitsForQuota, { timeout: SETTLE_MS, interval: 100 }).toBe(true);
    const first = (await system.app.users()).find(({ crm }) => crm?.contactId);
    expect(first?.crm?.contactId).toBeDefined();
    await system.app.edit(first?.userId ?? '', { firstName: 'Livia' });
    await expect
      .poll(async () => (await controlApi.contacts(first?.email ?? ''))[0]?.values['given_name'], {
        timeout: DAY_ENDS_MS,
      })
      .toBe('Livia');
    expect(Date.now()).toBeLessThan(endOfDay);
    expect(await synced()).toBeLessThan(USERS.length);

    // The next day has room for all.
    await controlApi.set('limits', { day: 10 * day });
    await finished;
    await system.cloud.untilIdle(SETTLE_MS);
    expect(await inSyncWith(running)).toEqual({ inSync: USERS.length, problems: [], wrongTags: 0 });
    expect(await system.deadLetters()).toBe(0);
    const { throttled, totalRequests, duplicateContacts } = await controlApi.stats();
    expect(isRefusedOften({ requests: totalRequests, throttled })).toBe(false);
    expect(duplicateContacts).toBe(0);
  }, 300_000);
});
