import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { emptyLedger, type Ledger } from '../../../shared/quota/ledger.ts';
import { PRESETS } from '../../../shared/quota/limits.ts';
import {
  backfillPausedUntil,
  budgetOf,
  budgetSettings,
  marginOf,
  pauseOf,
  remainingQuota,
  requestsLeft,
} from '../../../shared/quota/remaining-quota.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MIDNIGHT = Date.parse('2026-06-16T00:00:00Z');
const JULY = Date.parse('2026-07-01T00:00:00Z');
const BUDGET = { limits: PRESETS.team, liveReserve: 0.2 };

function ledger(dayUsed: number, monthUsed = dayUsed, limit: number | null = null): Ledger {
  const empty = emptyLedger(NOON);
  return {
    ...empty,
    day: { ...empty.day, used: dayUsed, limit },
    month: { ...empty.month, used: monthUsed },
  };
}

describe('the budget of a function', () => {
  const settings = z.object(budgetSettings);

  it('is in its environment variables', () => {
    const variables = { LIMITS: JSON.stringify(PRESETS.team), LIVE_RESERVE: '0.2' };
    expect(budgetOf(settings.parse(variables))).toEqual(BUDGET);
  });

  it.each(['-0.1', '1.1', 'a fifth'])('has no reserve of %s', (reserve) => {
    const variables = { LIMITS: JSON.stringify(PRESETS.team), LIVE_RESERVE: reserve };
    expect(settings.safeParse(variables).success).toBe(false);
  });
});

describe('the remaining quota', () => {
  it('is less for a backfill: live changes have a reserve', () => {
    expect(remainingQuota(ledger(90_000), BUDGET)).toMatchObject([
      { window: 'day', left: 35_000, leftForBackfill: 10_000, resetsAt: MIDNIGHT },
      { window: 'month', left: 3_660_000, leftForBackfill: 2_910_000, resetsAt: JULY },
    ]);
  });

  it('is never negative, and follows the limit of the CRM if it is lower than the contract’s', () => {
    expect(remainingQuota(ledger(200_000), BUDGET)[0]).toMatchObject({ left: 0, leftForBackfill: 0 });
    expect(remainingQuota(ledger(10, 10, 1000), BUDGET)[0]).toMatchObject({ limit: 1000, left: 990 });
    expect(remainingQuota(ledger(10, 10, 500_000), BUDGET)[0]).toMatchObject({ limit: 125_000 });
  });

  it('counts own requests since midnight, although the CRM reports a new day', () => {
    const empty = ledger(30, 90_000);
    const own = { ...empty.own, day: { ...empty.own.day, used: 90_000 } };
    const day = { ...empty.day, resetsAt: NOON + 3_600_000 };
    expect(remainingQuota({ ...empty, day, own }, BUDGET)[0]).toEqual({
      window: 'day',
      limit: 125_000,
      used: 90_000,
      left: 35_000,
      leftForBackfill: 10_000,
      resetsAt: MIDNIGHT,
    });
    expect(remainingQuota({ ...empty, day, own: empty.own }, BUDGET)[0]?.resetsAt).toBe(day.resetsAt);
    const asMuch = { ...empty.own, day: { ...empty.own.day, used: day.used } };
    expect(remainingQuota({ ...empty, day, own: asMuch }, BUDGET)[0]?.resetsAt).toBe(day.resetsAt);
  });

  it('ignores the limit that the CRM reported under lower limits of the contract', () => {
    const before = { ...ledger(10, 10, 1000), limits: { ...PRESETS.team, day: 1000 } };
    expect(remainingQuota(before, BUDGET)[0]).toMatchObject({ limit: 125_000 });
  });

  it('has no month if the contract has none', () => {
    expect(remainingQuota(ledger(0), { ...BUDGET, limits: PRESETS.oauth })).toHaveLength(1);
  });
});

describe('a pause', () => {
  const margin = marginOf(PRESETS.team);
  it.each([
    ['nothing is spent', ledger(0), undefined, undefined],
    ['the backfill’s part is spent', ledger(100_000), undefined, MIDNIGHT],
    ['one request more than a second’s is left', ledger(125_000 - margin - 1), undefined, MIDNIGHT],
    [
      'only the requests of one second are left of the day',
      ledger(125_000 - margin),
      { reason: 'day', until: MIDNIGHT },
      MIDNIGHT,
    ],
    ['the month is spent', ledger(10, 3_750_000), { reason: 'month', until: JULY }, JULY],
    ['both are spent', ledger(125_000, 3_750_000), { reason: 'month', until: JULY }, JULY],
  ])('when %s', (_, state, pause, backfill) => {
    if (pause) expect(pauseOf(state, BUDGET, NOON)).toMatchObject(pause);
    else expect(pauseOf(state, BUDGET, NOON)).toBeUndefined();
    expect(backfillPausedUntil(state, BUDGET)).toBe(backfill);
  });

  it('that is recorded counts although nothing is spent', () => {
    const pause = { reason: 'operator', since: NOON, until: NOON + 1 } as const;
    expect(pauseOf({ ...ledger(0), pause }, BUDGET, NOON)).toEqual(pause);
  });

  it('for a spent quota ends with a deployment of higher limits', () => {
    const pause = { reason: 'day', since: NOON, until: MIDNIGHT } as const;
    const limits = { ...PRESETS.team, day: 1000 };
    expect(pauseOf({ ...ledger(0), pause, limits }, BUDGET, NOON)).toBeUndefined();
    expect(pauseOf({ ...ledger(0), pause, limits }, { ...BUDGET, limits }, NOON)).toEqual(pause);
  });
});

describe('the requests that are left', () => {
  const margin = marginOf(PRESETS.team);
  it('are those of the shorter window without the margin', () => {
    expect(requestsLeft(ledger(100), BUDGET, NOON)).toBe(124_900 - margin);
    expect(requestsLeft(ledger(100, 3_750_000 - margin - 3), BUDGET, NOON)).toBe(3);
  });

  it('are none when the quota is spent, and during a pause', () => {
    expect(requestsLeft(ledger(130_000), BUDGET, NOON)).toBe(0);
    const pause = { reason: 'operator', since: NOON, until: NOON + 1 } as const;
    expect(requestsLeft({ ...ledger(0), pause }, BUDGET, NOON)).toBe(0);
  });
});
