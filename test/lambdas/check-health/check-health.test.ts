import { describe, expect, it } from 'vitest';
import { checkHealth } from '../../../lambdas/check-health/check-health.ts';
import { addResults } from '../../../shared/queue/progress.ts';
import { emptyLedger, type Ledger, type Pause } from '../../../shared/quota/ledger.ts';
import { type Limits, PRESETS } from '../../../shared/quota/limits.ts';
import { type EventStore, eventStore } from '../../../shared/store/event-store.ts';
import { memorySyncTable } from '../../support/crm-under-test.ts';
import { fakeDynamoDb } from '../../support/fake-dynamodb.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const HOUR = 3_600_000;
const check = (
  table: ReturnType<typeof memorySyncTable>,
  limits: Limits = PRESETS.team,
  visible = 1,
  changeFeed?: string,
) =>
  checkHealth({
    countMessages: async () => ({ visible, hidden: 0, delayed: 0 }),
    table,
    changeFeedProblem: async () => changeFeed,
    budget: { limits, liveReserve: 0.2 },
    now: () => NOON,
  });
const ledgerWith = async (change: Partial<Ledger>) => {
  const table = memorySyncTable();
  await table.ledger.write({ ...emptyLedger(NOON), ...change }, undefined);
  return table;
};

describe('the health check', () => {
  it('reports every gauge of a new system, apart from unknown values', async () => {
    expect((await check(memorySyncTable(), PRESETS.team, 0)).gauges).toEqual({
      NothingSucceeds: 0,
      ChangeFeedStopped: 0,
      OldestChangeAge: 0,
      StuckUsers: 0,
      Paused: 0,
      QuotaDayUsed: 0,
      QuotaMonthUsed: 0,
      CatalogProblems: undefined,
    });
  });

  it('reports a change feed that is stopped, and why', async () => {
    const { gauges, changeFeedProblem } = await check(memorySyncTable(), PRESETS.team, 0, 'it is Disabled');
    expect(gauges).toMatchObject({ ChangeFeedStopped: 1, NothingSucceeds: 0 });
    expect(changeFeedProblem).toBe('it is Disabled');
  });

  it('reports the age of a change in seconds, and the groups of stuck users', async () => {
    const table = memorySyncTable();
    const failed = { at: NOON - HOUR, result: 'failed', changedAt: NOON - 2 * HOUR } as const;
    await table.progress.write(
      addResults(undefined, [
        { ...failed, group: 'ann' },
        { ...failed, group: 'bob' },
      ]),
      undefined,
    );
    const { gauges, health } = await check(table);
    expect(gauges).toMatchObject({ NothingSucceeds: 1, OldestChangeAge: 7200, StuckUsers: 2 });
    expect(health.stuck).toEqual(['ann', 'bob']);
  });

  it('reports quotas in percent, and no month if the contract has none', async () => {
    const { day, month } = emptyLedger(NOON);
    const table = await ledgerWith({ day: { ...day, used: 15_000 }, month: { ...month, used: 375_000 } });
    expect((await check(table)).gauges).toMatchObject({ QuotaDayUsed: 12, QuotaMonthUsed: 10, Paused: 0 });
    expect((await check(table, PRESETS.oauth)).gauges).toMatchObject({
      QuotaDayUsed: 10,
      QuotaMonthUsed: undefined,
    });
  });

  it.each<[Pause['reason'], number]>([
    ['day', 1],
    ['month', 1],
    ['operator', 1],
    // It ends before anyone could act. If it recurs every minute, that is an outage.
    ['minute', 0],
  ])('reports a pause for the reason %s as %d', async (reason, paused) => {
    const table = await ledgerWith({ pause: { reason, since: NOON - 1, until: NOON + 1000 } });
    expect((await check(table)).gauges).toMatchObject({ Paused: paused, NothingSucceeds: 1 - paused });
  });

  it('fails if the table cannot be read, since an alarm treats missing data as a problem', async () => {
    const table = memorySyncTable();
    table.ledger.read = () => Promise.reject(new Error('throttled'));
    await expect(check(table)).rejects.toThrow('throttled');
  });
});

describe('with events', () => {
  const at = (minutesAgo: number) => new Date(NOON - minutesAgo * 60_000).toISOString();
  const lagWith = async (prepare: (store: EventStore) => Promise<void>) => {
    const store = eventStore(fakeDynamoDb().client, 'sync');
    await prepare(store);
    const { gauges } = await checkHealth({
      countMessages: async () => ({ visible: 0, hidden: 0, delayed: 0 }),
      table: memorySyncTable(),
      changeFeedProblem: async () => undefined,
      events: { store, polls: ['contacts', 'tags', 'orders'], listings: ['orders-listing', 'users-listing'] },
      budget: { limits: PRESETS.team, liveReserve: 0.2 },
      now: () => NOON,
    });
    return gauges.EventLag;
  };

  it('reports the time since the older of the last polls', async () => {
    const lag = await lagWith(async (store) => {
      await store.writePoll('contacts', { watermark: 0, completedAt: at(15) });
      await store.writePoll('tags', { watermark: 0, completedAt: at(45) });
    });
    expect(lag).toBe(45 * 60);
  });

  it('counts a resource that was never read from the first attempt on', async () => {
    const lag = await lagWith(async (store) => {
      for (const poll of ['contacts', 'tags'])
        await store.writePoll(poll, { watermark: 0, completedAt: at(5) });
      await store.writePoll('orders', { watermark: 0, run: { from: 0, newest: 0, scheduledAt: at(90) } });
    });
    expect(lag).toBe(90 * 60);
  });

  it.each([
    ['since it was refused first', { failingSince: at(50), failedAt: at(5) }, 50],
    ['not at all when it is read once a day', { completedAt: at(20 * 60) }, 5],
  ])('counts the whole list of a resource %s', async (_, state, minutes) => {
    const lag = await lagWith(async (store) => {
      for (const poll of ['contacts', 'tags'])
        await store.writePoll(poll, { watermark: 0, completedAt: at(5) });
      await store.writePoll('users-listing', { watermark: 0, ...state });
    });
    expect(lag).toBe(minutes * 60);
  });

  it('reports the time since the first full listing began, and nothing before', async () => {
    expect(await lagWith(async () => {})).toBeUndefined();
    const run = { scheduledAt: at(200), startedAt: at(180), afterId: 7 };
    expect(await lagWith((store) => store.writeListing({ run }))).toBe(180 * 60);
    expect(await lagWith((store) => store.writeListing({ baselineAt: at(20) }))).toBe(20 * 60);
  });
});
