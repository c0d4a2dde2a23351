import { describe, expect, it } from 'vitest';
import { checkHealth } from '../../../lambdas/check-health/check-health.ts';
import { addResults } from '../../../shared/queue/progress.ts';
import { emptyLedger, type Ledger, type Pause } from '../../../shared/quota/ledger.ts';
import { type Limits, PRESETS } from '../../../shared/quota/limits.ts';
import { memorySyncTable } from '../../support/crm-under-test.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const HOUR = 3_600_000;
const check = (table: ReturnType<typeof memorySyncTable>, limits: Limits = PRESETS.team, visible = 1) =>
  checkHealth({
    countMessages: async () => ({ visible, hidden: 0, delayed: 0 }),
    table,
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
      OldestChangeAge: 0,
      StuckUsers: 0,
      Paused: 0,
      QuotaDayUsed: 0,
      QuotaMonthUsed: 0,
      CatalogProblems: undefined,
    });
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
