import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  emptyLedger,
  type Ledger,
  ledgerAt,
  type Observation,
  type Pause,
  record,
  reserve,
  resume,
  underLimits,
} from '../../../shared/quota/ledger.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MIDNIGHT = Date.parse('2026-06-16T00:00:00Z');
const SECOND = 1000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const LIMITS = { day: 125_000, month: 3_750_000 };
const reported = (dayUsed: number, more: Partial<Observation> = {}): Observation => ({
  startedAt: NOON,
  dayUsed,
  dayLimit: 125_000,
  dayResetsAt: MIDNIGHT,
  ...more,
});
const used = ({ minute, day, month }: Ledger) => [minute.used, day.used, month.used];
/** A ledger after requests, and after what the CRM reported with their answers. */
const recorded = (count: number, observed?: Observation, before?: Ledger, now = NOON) =>
  record(reserve(ledgerAt(before, now), count), { observed }, LIMITS, now);

describe('own requests', () => {
  it('are counted in the minute, the day and the month, without any header', () => {
    expect(used(recorded(10, undefined, recorded(20)))).toEqual([30, 30, 30]);
  });

  it('are counted in their windows: before and after midnight at the end of a month', () => {
    const newYear = Date.parse('2027-01-01T00:00:00Z');
    const before = recorded(7, undefined, undefined, newYear - SECOND);
    expect(used(before)).toEqual([7, 7, 7]);
    const after = recorded(3, undefined, before, newYear + SECOND);
    expect(used(after)).toEqual([3, 3, 3]);
    expect([after.own.day.used, after.own.month.used]).toEqual([3, 3]);
  });

  it('of yesterday stay in the count of the month', () => {
    const after = recorded(3, undefined, recorded(107), MIDNIGHT + SECOND);
    expect(used(after)).toEqual([3, 3, 110]);
    expect([after.own.day.used, after.own.month.used]).toEqual([3, 110]);
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
    const ledger = recorded(0, reset, before, NOON + HOUR);
    expect(used(ledger).slice(1)).toEqual([12, 90_012]);
    expect(ledger.day.since).toBe(NOON + HOUR);
    expect(ledger.day.resetsAt).toBe(NOON + HOUR + DAY);
  });

  it('counts from the first millisecond of the day', () => {
    const midnight = { startedAt: MIDNIGHT - DAY };
    expect(recorded(0, reported(400, midnight)).day.used).toBe(400);
    const wrong = recorded(0, reported(300, { dayResetsAt: NOON + 31 * DAY }));
    expect(recorded(0, reported(400, midnight), wrong).day).toMatchObject({ used: 400, resetsAt: MIDNIGHT });
  });

  it.each([
    ['less than a minute', 59_999, { used: 500, resetsAt: MIDNIGHT }],
    ['a minute', 60_000, { used: 7, resetsAt: MIDNIGHT + 60_000 }],
  ])('names a new day if its end is later by %s', (_, laterMs, day) => {
    const next = reported(7, { startedAt: NOON + SECOND, dayResetsAt: MIDNIGHT + laterMs });
    expect(recorded(0, next, recorded(0, reported(500)), NOON + SECOND).day).toMatchObject(day);
  });

  it.each([
    ['a millisecond ago is ignored', -1, undefined],
    ['now is ignored', 0, undefined],
    ['in a millisecond counts', 1, NOON + 1],
  ])('of a day that ends %s', (_, leftMs, resetsAt) => {
    const before = recorded(3);
    const { day } = recorded(0, reported(400, { dayResetsAt: NOON + leftMs }), before);
    expect(day).toEqual(
      resetsAt ? { ...before.day, used: 400, limit: 125_000, resetsAt, named: true } : before.day,
    );
  });

  it('sets the limit until the next report', () => {
    expect(recorded(1, undefined, recorded(1, reported(1, { dayLimit: 90_000 }))).day.limit).toBe(90_000);
  });

  it('sets the limit for one day: a wrong one does not stop the next', () => {
    const wrong = recorded(1, reported(1, { dayLimit: 10 }));
    expect(wrong.day.limit).toBe(10);
    expect(ledgerAt(wrong, MIDNIGHT).day.limit).toBeNull();
  });

  it('of an earlier end corrects a wrong one, and keeps the count', () => {
    const wrong = recorded(5, reported(400, { dayResetsAt: NOON + 31 * DAY }));
    const late = reported(399, { startedAt: NOON + SECOND });
    const corrected = recorded(5, late, wrong, NOON + SECOND);
    expect(corrected.day).toMatchObject({ used: 405, since: wrong.day.since, resetsAt: MIDNIGHT });
  });

  it.each([
    ['an end later than midnight', undefined],
    ['an end after a report without one', reported(1, { dayResetsAt: undefined })],
  ])('of %s keeps the count: midnight was only an assumption', (_, first) => {
    const later = reported(400, { dayResetsAt: MIDNIGHT + HOUR });
    expect(recorded(0, later, recorded(500, first)).day).toMatchObject({
      used: 500,
      resetsAt: MIDNIGHT + HOUR,
    });
  });

  it('of another day starts a new count after an end at another time than midnight, too', () => {
    const first = recorded(0, reported(400, { dayResetsAt: NOON + HOUR }));
    expect(first.day.named).toBe(true);
    const next = reported(3, { startedAt: NOON + SECOND, dayResetsAt: NOON + DAY });
    expect(recorded(0, next, first, NOON + SECOND).day.used).toBe(3);
  });

  it.each([
    ['the first end was too early', [NOON + HOUR, MIDNIGHT, MIDNIGHT]],
    ['each end is a day from now', [0, 1, 2].map((minutes) => NOON + DAY + 2 * minutes * 60 * SECOND)],
  ])('is counted once in the month if %s', (_, ends) => {
    const ledger = ends.reduce<Ledger | undefined>((before, dayResetsAt, index) => {
      const startedAt = NOON + 2 * index * 60 * SECOND;
      return recorded(10, reported(50_000 + 10 * index, { startedAt, dayResetsAt }), before, startedAt);
    }, undefined);
    expect(ledger && used(ledger).slice(1)).toEqual([50_020, 50_020]);
    expect(ledger?.day.resetsAt).toBe(ends.at(-1));
  });

  it('from before a new day is ignored', () => {
    const reset = reported(12, { startedAt: NOON + HOUR, dayResetsAt: NOON + HOUR + DAY });
    const newDay = recorded(0, reset, recorded(0, reported(90_000)), NOON + HOUR);
    const late = reported(90_001, { startedAt: NOON + HOUR - 1 });
    expect(recorded(0, late, newDay, NOON + HOUR).day).toEqual(newDay.day);
  });

  it('of the minute replaces the count if it is higher and of this minute', () => {
    expect(recorded(10, { startedAt: NOON, minuteUsed: 700 }).minute.used).toBe(700);
    expect(recorded(10, { startedAt: NOON, minuteUsed: 7 }).minute.used).toBe(10);
    expect(recorded(10, { startedAt: NOON - 1, minuteUsed: 700 }).minute.used).toBe(10);
  });

  it('never changes the count of own requests', () => {
    const reset = reported(12, { startedAt: NOON + HOUR, dayResetsAt: NOON + HOUR + DAY });
    const ledger = recorded(3, reset, recorded(40, reported(90_000)), NOON + HOUR);
    expect([ledger.own.day.used, ledger.own.month.used]).toEqual([43, 43]);
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
    const paused = record(undefined, { pause }, LIMITS, NOON);
    expect(paused.pause).toEqual(pause);
    expect(record(paused, { pause: { ...pause, until: NOON + HOUR } }, LIMITS, NOON).pause).toEqual(pause);
    const longer = { ...pause, until: MIDNIGHT + HOUR };
    expect(record(paused, { pause: longer }, LIMITS, NOON).pause).toEqual(longer);
    const over = { ...pause, until: NOON };
    expect(record(undefined, { pause: over }, LIMITS, NOON).pause).toBeNull();
    expect(ledgerAt(paused, MIDNIGHT - 1).pause).toEqual(pause);
    expect(ledgerAt(paused, MIDNIGHT).pause).toBeNull();
  });
});

describe('higher limits of a later deployment', () => {
  const paused = (reason: Pause['reason'], limits: Parameters<typeof record>[2] = LIMITS) =>
    record(
      undefined,
      { observed: reported(124_990), pause: { reason, since: NOON, until: MIDNIGHT } },
      limits,
      NOON,
    );

  it.each([
    ['of the day', { ...LIMITS, day: 150_000 }],
    ['of the month', { ...LIMITS, month: 4_000_000 }],
    ['without one for the month', { ...LIMITS, month: null }],
  ])('%s end a pause for a spent quota, and the limit that the CRM reported', (_, limits) => {
    const raised = underLimits(paused('day'), limits);
    expect(raised).toMatchObject({ pause: null, day: { limit: null, used: 124_990 } });
    expect(record(paused('day'), {}, limits, NOON)).toMatchObject({ pause: null, limits });
  });

  it.each([
    ['the same limits', LIMITS],
    ['lower limits', { day: 100_000, month: 3_000_000 }],
  ])('are not %s', (_, limits) => {
    expect(underLimits(paused('day'), limits)).toEqual(paused('day'));
  });

  it('are none if there was no limit before', () => {
    const before = paused('day', { day: 150_000, month: null });
    expect(underLimits(before, { day: 150_000, month: null })).toBe(before);
    expect(underLimits(before, { day: 150_000, month: 9_000_000 })).toBe(before);
  });

  it('leave a ledger without a pause as it is, but for the limit that the CRM reported', () => {
    const before = recorded(3, reported(400));
    expect(underLimits(before, { ...LIMITS, day: 150_000 })).toEqual({
      ...before,
      day: { ...before.day, limit: null },
    });
  });

  it('do not end a pause of an operator', () => {
    expect(underLimits(paused('operator'), { ...LIMITS, day: 150_000 }).pause?.reason).toBe('operator');
  });

  it('are unknown before the first write', () => {
    const ledger = { ...paused('day'), limits: null };
    expect(underLimits(ledger, { ...LIMITS, day: 150_000 })).toBe(ledger);
  });
});

describe('a resumption', () => {
  const pause = { reason: 'day', since: NOON, until: NOON + 31 * DAY } as const;
  const wrong = { startedAt: NOON, dayUsed: 1e12, dayLimit: 10, dayResetsAt: NOON + 31 * DAY };
  const paused = record(reserve(emptyLedger(NOON), 7), { observed: wrong, pause }, LIMITS, NOON);

  it('removes the pause, and all that the CRM reported: only own requests count', () => {
    const resumed = resume(paused, NOON + SECOND);
    expect(resumed.pause).toBeNull();
    expect(resumed.day).toEqual({
      used: 7,
      since: NOON - 12 * HOUR,
      resetsAt: MIDNIGHT,
      named: false,
      limit: null,
    });
    expect(resumed.month.used).toBe(7);
    expect(resumed.own).toEqual(paused.own);
  });

  it('is not undone by what an environment records late', () => {
    const resumed = resume(paused, NOON + SECOND);
    const late = record(resumed, { observed: wrong, pause }, LIMITS, NOON + 2 * SECOND);
    expect(late).toMatchObject({ pause: null, day: { used: 7, limit: null } });
  });

  it('is undone by the next refusal', () => {
    const resumed = resume(paused, NOON + SECOND);
    const observed = reported(125_000, { startedAt: NOON + SECOND });
    const next = { ...pause, since: NOON + SECOND };
    expect(record(resumed, { observed, pause: next }, LIMITS, NOON + 2 * SECOND)).toMatchObject({
      pause: next,
      day: { used: 125_000, limit: 125_000 },
    });
  });

  it('is possible for a ledger without requests', () => {
    expect(resume(undefined, NOON)).toEqual({ ...emptyLedger(NOON), resumedAt: NOON });
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
          ledger = recorded(count, observed, ledger, now);
          expect(ledger.day.used).toBeGreaterThanOrEqual(own);
          expect(ledger.own.day.used).toBe(own);
          expect(ledger.day.used).toBeLessThanOrEqual(truth.day);
          if (isReported) expect(ledger.day.used).toBe(truth.day);
          expect(ledger.month.used).toBeGreaterThanOrEqual(ledger.day.used);
        }
      }),
    );
  });
});
