import { SFNClient } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followBackfill, startBackfill } from '../../infra/cli/follow-backfill.ts';
import type { User } from '../../shared/user/user.ts';
import { BUSY_SLACK_MS, isRefusedOften } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { inSyncWith } from '../support/held.ts';

const SETTLE_MS = 170_000;
const USERS = population(250, 21, Date.now()).users as [User, ...User[]];
/** Half of it is reserved for live changes. So the backfill may use 250 a day, of which the catalog and the other program use 95. It needs more than 250. */
const DAY_LIMIT = 500;
const DAY_ENDS_MS = 40_000;

let running: SimulatedSystem;
let { system, door } = {} as SimulatedSystem;
beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS }, backfill: { liveReserve: 0.5 } },
    existingUsers: USERS.map((user) => marshall(user, { removeUndefinedValues: true })),
  });
  ({ system, door } = running);
});
afterAll(() => running?.stop());

const synced = async () => (await system.app.users()).filter(({ crm }) => crm?.contactId).length;

describe('a backfill that exhausts the daily quota, shared with another program', () => {
  it('leaves the reserve to live changes, waits, continues by itself, and syncs every user', async () => {
    const sfn = new SFNClient(system.cloud.sdk('SFN'));
    await door.set('limits', { day: DAY_LIMIT, dayEndsInMs: DAY_ENDS_MS });
    const endOfDay = Date.now() + DAY_ENDS_MS;
    const execution = await startBackfill(sfn, system.cloud.outputs['BackfillStateMachineArn'] ?? '', {});
    let waitsForQuota = false;
    const finished = followBackfill(sfn, execution, 200, ({ run }) => {
      waitsForQuota ||= run.next === 'waitForQuota';
    });

    await expect.poll(synced, { timeout: SETTLE_MS, interval: 100 }).toBeGreaterThan(10);
    await door.set('limits', { usedByOthers: 60 });
    await expect.poll(() => waitsForQuota, { timeout: SETTLE_MS, interval: 100 }).toBe(true);
    const first = (await system.app.users()).find(({ crm }) => crm?.contactId);
    expect(first?.crm?.contactId).toBeDefined();
    await system.app.edit(first?.userId ?? '', { firstName: 'Livia' });
    await expect
      .poll(async () => (await door.contacts(first?.email ?? ''))[0]?.values['given_name'], {
        timeout: DAY_ENDS_MS,
      })
      .toBe('Livia');
    expect(Date.now()).toBeLessThan(endOfDay);
    expect(await synced()).toBeLessThan(USERS.length);

    await finished;
    await system.cloud.untilIdle(SETTLE_MS);
    expect(await inSyncWith(running)).toEqual({ inSync: USERS.length, problems: [] });
    expect(await system.deadLetters()).toBe(0);
    const { throttled, totalRequests, duplicateContacts } = await door.stats();
    expect(isRefusedOften({ requests: totalRequests, throttled })).toBe(false);
    expect(duplicateContacts).toBe(0);
  });
});
