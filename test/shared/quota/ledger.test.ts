import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyLedger,
  type Ledger,
  ledgerAt,
  type Observation,
  record,
} from '../../../shared/quota/ledger.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MIDNIGHT = Date.parse('2026-06-16T00:00:00Z');
const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const requests = (count: number, at: number) => Array.from({ length: count }, () => at);
const reported = (dayUsed: number, more: Partial<Observation> = {}): Observation => ({
  startedAt: NOON,
  dayUsed,
  dayLimit: 125_000,
  dayResetsAt: MIDNIGHT,
  ...more,
});
const used = ({ minute, day, month }: Ledger) => [minute.used, day.used, month.used];
const recorded = (count: number, observed?: Observation, before?: Ledger, now = NOON) =>
  record(before, { starts: requests(count, now), observed }, now);

describe('own requests', () => {
  it('are counted in the minute, the day and the month, without any header', () => {
    expect(used(recorded(10, undefined, recorded(20)))).toEqual([30, 30, 30]);
  });

  it('are counted in the windows in which they started: a batch around midnight at the end of a month', () => {
    const newYear = Date.parse('2027-01-01T00:00:00Z');
    const before = record(undefined, { starts: requests(100, newYear - HOUR) }, newYear - HOUR);
    const starts = [...requests(7, newYear - SECOND), ...requests(3, newYear + SECOND)];
    expect(used(record(before, { starts }, newYear + 2 * SECOND))).toEqual([3, 3, 3]);
  });

  it('of yesterday stay in the count of the month', () => {
    const starts = [...requests(7, MIDNIGHT - SECOND), ...requests(3, MIDNIGHT + SECOND)];
    expect(used(record(recorded(100), { starts }, MIDNIGHT + 2 * SECOND))).toEqual([3, 3, 110]);
  });
});

describe('the usage that the CRM reports', () => {
  it('replaces the count if it is higher: other programs share the quota', () => {
    expect(used(recorded(10, reported(5000)))).toEqual([10, 5000, 5000]);
  });

  it('is ignored if it is lower: answers arrive out of order', () => {
    expect(used(recorded(10, reported(5), recorded(100)))).toEqual([110, 110, 110]);
  });

  it('does not count other programs twice', () => {
    const first = recorded(10, reported(5000));
    expect(used(recorded(10, reported(5010), first))).toEqual([20, 5010, 5010]);
  });

  it('is ignored if it is of another day', () => {
    const late = reported(124_999, { startedAt: NOON - DAY, dayResetsAt: MIDNIGHT - DAY });
    expect(recorded(3, late).day.used).toBe(3);
    const lateWithoutEnd = reported(124_999, { startedAt: NOON - DAY, dayResetsAt: undefined });
    expect(recorded(3, lateWithoutEnd).day.used).toBe(3);
  });

  it('sets the end of the day instead of midnight', () => {
    const ledger = recorded(10, reported(400, { dayResetsAt: NOON + HOUR }));
    expect(ledger.day).toMatchObject({ used: 400, resetsAt: NOON + HOUR });
    expect(ledgerAt(ledger, NOON + HOUR - 1).day.used).toBe(400);
    expect(ledgerAt(ledger, NOON + HOUR).day).toMatchObject({
      used: 0,
      since: NOON + HOUR,
      resetsAt: MIDNIGHT,
    });
  });

  it('resets the count for a new day before the old one has ended, but not the count of the month', () => {
    const before = recorded(0, reported(90_000));
    const reset = reported(12, { startedAt: NOON + HOUR, dayResetsAt: NOON + HOUR + DAY });
    const ledger = record(before, { starts: requests(12, NOON + HOUR), observed: reset }, NOON + HOUR);
    expect(used(ledger).slice(1)).toEqual([12, 90_012]);
    expect(ledger.day.resetsAt).toBe(NOON + HOUR + DAY);
  });

  it('sets the limit until the next report', () => {
    expect(recorded(1, undefined, recorded(1, reported(1, { dayLimit: 90_000 }))).day.limit).toBe(90_000);
  });
});

describe('a reset', () => {
  it.each([
    ['of the minute', NOON + 60 * SECOND, [0, 30, 30]],
    ['of the day', MIDNIGHT, [0, 0, 30]],
    ['of the month', Date.parse('2026-07-01T00:00:00Z'), [0, 0, 0]],
    ['after weeks without a request', Date.parse('2026-09-20T07:00:00Z'), [0, 0, 0]],
  ])('%s', (_, at, expected) => {
    const ledger = ledgerAt(recorded(30), at);
    expect(used(ledger)).toEqual(expected);
    for (const { since, resetsAt } of [ledger.minute, ledger.day, ledger.month]) {
      expect(since).toBeLessThanOrEqual(at);
      expect(resetsAt).toBeGreaterThan(at);
    }
  });

  it('ends a pause', () => {
    const pause = { reason: 'day', since: NOON, until: MIDNIGHT } as const;
    const paused = record(undefined, { starts: [], pause }, NOON);
    expect(paused.pause).toEqual(pause);
    expect(record(paused, { starts: [], pause: { ...pause, until: NOON + HOUR } }, NOON).pause).toEqual(
      pause,
    );
    expect(ledgerAt(paused, MIDNIGHT).pause).toBeNull();
  });
});

describe('any reports in any order', () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 0, max: 40 * HOUR }),
    own: fc.integer({ min: 0, max: 200 }),
    others: fc.integer({ min: 0, max: 2000 }),
    headers: fc.constantFrom('all', 'none', 'no end'),
  });

  it('the ledger never counts less than the own requests or more than all, and is exact after a report', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let ledger = emptyLedger(NOON);
        let now = NOON;
        let truth = { day: 0, until: MIDNIGHT };
        let own = 0;
        let isReported = true;
        for (const { afterMs, own: count, others, headers } of steps) {
          now += afterMs;
          if (now >= truth.until) {
            truth = { day: 0, until: now - (now % DAY) + DAY };
            own = 0;
          }
          truth.day += count + others;
          own += count;
          const observed: Observation | undefined =
            headers === 'none' || count === 0
              ? undefined
              : {
                  startedAt: now,
                  dayUsed: truth.day,
                  ...(headers === 'all' && { dayResetsAt: truth.until }),
                };
          isReported = observed !== undefined;
          ledger = record(ledger, { starts: requests(count, now), observed }, now);
          expect(ledger.day.used).toBeGreaterThanOrEqual(own);
          expect(ledger.day.used).toBeLessThanOrEqual(truth.day);
          if (isReported) expect(ledger.day.used).toBe(truth.day);
          expect(ledger.month.used).toBeGreaterThanOrEqual(ledger.day.used);
        }
      }),
    );
  });
});
