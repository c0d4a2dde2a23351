import { describe, expect, it } from 'vitest';
import { describeQuota, quotaSettingsFrom, quotaTable } from '../../../../infra/cli/support/quota-report.ts';
import { emptyLedger, record, reserve } from '../../../../shared/quota/ledger.ts';
import { PRESETS } from '../../../../shared/quota/limits.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const budget = { limits: PRESETS.team, liveReserve: 0.2 };
const observed = { startedAt: NOON, dayUsed: 42_310, dayResetsAt: Date.parse('2026-06-16T00:00:00Z') };

describe('the quota report', () => {
  it('shows what is used, left and reserved, and when it resets', () => {
    const ledger = record(reserve(emptyLedger(NOON), 1), { observed }, PRESETS.team, NOON);
    expect(describeQuota(ledger, budget, NOON)).toEqual({
      requestsPerSecond: 25,
      windows: [
        {
          window: 'minute',
          used: 1,
          limit: 1500,
          left: 1499,
          reserve: 0,
          resetsAt: '2026-06-15T12:01:00.000Z',
        },
        {
          window: 'day',
          used: 42_310,
          limit: 125_000,
          left: 82_690,
          reserve: 25_000,
          resetsAt: '2026-06-16T00:00:00.000Z',
        },
        {
          window: 'month',
          used: 42_310,
          limit: 3_750_000,
          left: 3_707_690,
          reserve: 750_000,
          resetsAt: '2026-07-01T00:00:00.000Z',
        },
      ],
      pause: null,
    });
  });

  it('fits a terminal', () => {
    const pause = { reason: 'operator', since: NOON, until: NOON + 3_600_000 } as const;
    const ledger = record(undefined, { observed, pause }, PRESETS.team, NOON);
    const text = quotaTable(describeQuota(ledger, budget, NOON), NOON);
    expect(text).toMatch(/day +42,310 +125,000 +82,690 +25,000 +2026-06-16 00:00 UTC \(in 12 h\)/);
    expect(text).toMatch(/month .* \(in 16 days\)/);
    expect(text).toMatch(/Paused until 2026-06-15T13:00:00.000Z \(operator\)/);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(100);
  });

  it('is complete before the first request', () => {
    expect(describeQuota(undefined, budget, NOON).windows[1]).toMatchObject({ used: 0, left: 125_000 });
  });

  it('reads its settings from the stack output', () => {
    const settings = {
      ...budget,
      tagBatch: 100,
      windowSlackMs: 45,
    };
    expect(quotaSettingsFrom(JSON.stringify(settings))).toEqual(settings);
  });
});
