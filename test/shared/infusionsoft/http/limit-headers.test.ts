import { describe, expect, it } from 'vitest';
import { observationOf, resetOf } from '../../../../shared/infusionsoft/http/limit-headers.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MIDNIGHT = Date.parse('2026-06-16T00:00:00Z');
const MINUTE = 60_000;
const MONTH = 31 * 24 * 60 * MINUTE;

const QUOTA = 'x-keap-product-quota';
const THROTTLE = 'x-keap-product-throttle';

/** What the vendor's documentation shows for one answer. */
const COMPLETE = {
  [`${QUOTA}-used`]: '974',
  [`${QUOTA}-limit`]: '125000',
  [`${QUOTA}-expiry-time`]: String(MIDNIGHT),
  [`${QUOTA}-time-unit`]: 'day',
  [`${THROTTLE}-used`]: '12',
  [`${THROTTLE}-time-unit`]: 'minute',
};
const ALL = {
  startedAt: NOON,
  dayUsed: 974,
  dayLimit: 125_000,
  dayResetsAt: MIDNIGHT,
  minuteUsed: 12,
};

describe('the quota usage in the headers of an answer', () => {
  const seen = (headers: Record<string, string>) => observationOf(new Headers(headers), NOON);
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(COMPLETE).filter(([name]) => !names.includes(name)));

  it('has the day and the minute', () => {
    expect(seen(COMPLETE)).toEqual(ALL);
  });

  it('counts as of the day and the minute if no unit is named', () => {
    expect(seen(without(`${QUOTA}-time-unit`, `${THROTTLE}-time-unit`))).toEqual(ALL);
  });

  it('is left out if it is of another unit', () => {
    expect(seen({ ...COMPLETE, [`${QUOTA}-time-unit`]: 'month' })).toEqual({
      startedAt: NOON,
      minuteUsed: 12,
    });
    const { minuteUsed: _, ...ofDay } = ALL;
    expect(seen({ ...COMPLETE, [`${THROTTLE}-time-unit`]: 'second' })).toEqual(ofDay);
  });

  it('has no limit if the header says 0, which cannot be the limit', () => {
    expect(seen({ ...COMPLETE, [`${QUOTA}-limit`]: '0' }).dayLimit).toBeUndefined();
    expect(seen({ ...COMPLETE, [`${QUOTA}-used`]: '0' }).dayUsed).toBe(0);
  });

  it.each([['12|340'], ['-1'], ['1.5'], ['1e3'], ['x9'], ['9x'], [''], ['1'.repeat(13)]])(
    'ignores the count %j',
    (count) => {
      const { dayUsed, minuteUsed } = seen({ [`${QUOTA}-used`]: count, [`${THROTTLE}-used`]: count });
      expect({ dayUsed, minuteUsed }).toEqual({ dayUsed: undefined, minuteUsed: undefined });
    },
  );

  it.each([
    ['has passed five minutes ago', NOON - 5 * MINUTE, undefined],
    ['has just passed', NOON - 5 * MINUTE + 1, NOON - 5 * MINUTE + 1],
    ['is a month ahead', NOON + MONTH, NOON + MONTH],
    ['is further ahead than a month', NOON + MONTH + 1, undefined],
    ['is in seconds', MIDNIGHT / 1000, undefined],
    ['is a word', 'soon', undefined],
    ['is a number in a text', `at ${MIDNIGHT}`, undefined],
    ['is a number with a unit', `${MIDNIGHT}ms`, undefined],
  ])('that resets at a time that %s', (_, expiry, dayResetsAt) => {
    expect(seen({ ...COMPLETE, [`${QUOTA}-expiry-time`]: String(expiry) }).dayResetsAt).toBe(dayResetsAt);
  });
});

describe('an exceeded limit resets', () => {
  const at = (name: string, expiry: number) => new Headers({ [`${name}-expiry-time`]: String(expiry) });
  const none = new Headers();

  it.each([
    ['the minute', 'minute', none, NOON, NOON + MINUTE],
    ['the minute, when the headers say', 'minute', at(THROTTLE, NOON + 9000), NOON, NOON + 9000],
    ['the minute, two minutes ahead', 'minute', at(THROTTLE, NOON + 2 * MINUTE), NOON, NOON + 2 * MINUTE],
    ['the minute, at a time that is not its end', 'minute', at(THROTTLE, MIDNIGHT), NOON, NOON + MINUTE],
    ['the minute, whatever the end of the day', 'minute', at(QUOTA, NOON + 9000), NOON, NOON + MINUTE],
    ['the day', 'day', none, NOON, MIDNIGHT],
    ['the day, when the headers say', 'day', at(QUOTA, NOON + 9000), NOON, NOON + 9000],
    // By the CRM's clock it is not over yet: a request at once would be refused again.
    ['the day, at an end that is now', 'day', at(QUOTA, NOON), NOON, NOON + MINUTE],
    ['the day, at an end that has just passed', 'day', at(QUOTA, NOON - 100), NOON, NOON + MINUTE],
    ['the day, at an end that is long over', 'day', at(QUOTA, NOON - 6 * MINUTE), NOON, MIDNIGHT],
    ['the day, just before midnight', 'day', none, MIDNIGHT - 1, MIDNIGHT],
    ['the day, at midnight', 'day', none, MIDNIGHT, MIDNIGHT + MINUTE],
    ['the day, in its first minute', 'day', none, MIDNIGHT + MINUTE - 1, MIDNIGHT + 2 * MINUTE - 1],
    ['the day, after its first minute', 'day', none, MIDNIGHT + MINUTE, MIDNIGHT + 24 * 60 * MINUTE],
  ] as const)('of %s', (_, limit, headers, startedAt, expected) => {
    expect(resetOf(limit, headers, startedAt)).toBe(expected);
  });
});
