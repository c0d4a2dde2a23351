import { SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BackfillFailedError,
  BackfillSkippedError,
  followBackfill,
  startBackfill,
} from '../../infra/cli/backfill/follow-backfill.ts';
import type { User } from '../../shared/user/user.ts';
import { BUSY_SLACK_MS, isRefusedOften } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { inSyncWith } from '../support/in-sync-with.ts';

const SETTLE_MS = 120_000;
const USERS = population(150, 11, Date.now()).users as [User, User, User, ...User[]];

let running: SimulatedSystem;
let { system, controlApi } = {} as SimulatedSystem;
let sfn: SFNClient;

beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS } },
    existingUsers: USERS.map((user) => marshall(user, { removeUndefinedValues: true })),
  });
  ({ system, controlApi } = running);
  sfn = new SFNClient(system.cloud.sdk('SFN'));
});
afterAll(() => running?.stop());

const start = (input: unknown) =>
  startBackfill(sfn, system.cloud.outputs['BackfillStateMachineArn'] ?? '', input);
const finish = async (input: unknown) =>
  (await followBackfill(sfn, await start(input), 100, () => {})).report;
const settle = () => system.cloud.untilIdle(SETTLE_MS);
const requests = async () => (await controlApi.stats()).totalRequests;
const backfillFunction = () =>
  Object.keys(system.cloud.statistics().functions).find((name) => name.includes('BackfillFunction')) ?? '';
const verified = () => inSyncWith(running);

describe('the backfill on the local cloud', () => {
  it('fails with a clear reason for invalid input', async () => {
    const failure = finish({ mode: 'everybody' });
    await expect(failure).rejects.toThrow(BackfillFailedError);
    await expect(failure).rejects.toThrow(/InvalidInputError.*mode/s);
  });

  it('only reports what it would do in a dry run', async () => {
    expect(await finish({ dryRun: true })).toMatchObject({
      dryRun: true,
      enqueued: USERS.length,
      findings: { created: USERS.length },
    });
    expect(await requests()).toBe(0);
  });

  it('loses no user to edits, deletions, a killed function, a second start, a stop and a new start', async () => {
    const first = await start({ maxInFlight: 10 });
    await expect.poll(requests, { timeout: SETTLE_MS, interval: 50 }).toBeGreaterThan(60);
    await expect(finish({})).rejects.toThrow(BackfillSkippedError);

    await system.app.edit(USERS[120]?.userId ?? '', { firstName: 'Editha' });
    await system.app.remove(USERS[121]?.userId ?? '');
    await expect
      .poll(() => system.cloud.killEnvironment(backfillFunction()), { timeout: SETTLE_MS, interval: 5 })
      .toBe(true);
    await sfn.send(new StopExecutionCommand({ executionArn: first, cause: 'by hand' }));
    await expect(followBackfill(sfn, first, 100, () => {})).rejects.toThrow(/ABORTED.*by hand/);

    const report = await finish({});
    await settle();
    expect(report.enqueued).toBeLessThan(USERS.length);
    expect(await verified()).toEqual({ inSync: USERS.length - 1, problems: [], wrongTags: 0 });
    const { duplicateContacts, foreignWrites, totalRequests, throttled } = await controlApi.stats();
    expect({ duplicateContacts, foreignWrites }).toEqual({ duplicateContacts: 0, foreignWrites: [] });
    expect(isRefusedOften({ requests: totalRequests, throttled })).toBe(false);
    expect(await system.deadLetters()).toBe(0);
  });

  it('makes no request when it runs again, in any mode', async () => {
    const before = await requests();
    for (const mode of ['contacts', 'tags', 'refresh']) {
      expect(await finish({ mode })).toMatchObject({ enqueued: 0, skipped: USERS.length - 1, requests: 0 });
    }
    await settle();
    expect(await requests()).toBe(before);
  });

  it('applies tags to users who have a contact without tags', async () => {
    const [user] = await system.app.users();
    const { crm, userId = '' } = user ?? {};
    await system.app.edit(userId, { crm: { ...crm, tagIds: [] } });
    expect(await finish({ mode: 'tags' })).toMatchObject({
      enqueued: 1,
      findings: { created: 0, updated: 0, tagged: 1 },
    });
    await settle();
    expect((await system.app.users()).find((each) => each.userId === userId)?.crm?.tagIds).toEqual(
      crm?.tagIds,
    );
  });

  it('runs beside one of another mode', async () => {
    const [contacts, refresh] = await Promise.all([
      finish({ mode: 'contacts' }),
      finish({ mode: 'refresh' }),
    ]);
    expect([contacts.mode, refresh.mode]).toEqual(['contacts', 'refresh']);
  });

  it('ends in the usual time when the CRM refuses a user, and reports that user', async () => {
    const [stuck, other] = await system.app.users();
    const { userId = '', email = '' } = stuck ?? {};
    await controlApi.set('forbidden', { emails: [email] });
    await system.app.edit(userId, { firstName: 'Forbidda' });
    await system.app.edit(other?.userId ?? '', { crm: { ...other?.crm, tagIds: [] } });
    const startedAt = Date.now();
    // Twice: the message of the edit may or may not have failed often enough before the first.
    for (const mode of ['refresh', 'refresh']) {
      const report = await finish({ mode });
      expect(report.unfinished).toEqual({
        total: 1,
        users: [{ userId, reason: 'The account may not do this (403)' }],
      });
    }
    expect(Date.now() - startedAt).toBeLessThan(60_000);
    await controlApi.set('forbidden', { emails: [] });
    await settle();
    expect(await verified()).toEqual({ inSync: USERS.length - 1, problems: [], wrongTags: 0 });
  });
});
