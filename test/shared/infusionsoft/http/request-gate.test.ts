import { describe, expect, it } from 'vitest';
import { PausedError, requestGate } from '../../../../shared/infusionsoft/http/request-gate.ts';
import { RetryableError } from '../../../../shared/sync/errors.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MIDNIGHT = Date.parse('2026-06-16T00:00:00Z');
const HOUR = 3_600_000;
const none = new Headers();
const quota = (used: number, limit: number, expiry: number) =>
  new Headers({
    'x-keap-product-quota-used': String(used),
    'x-keap-product-quota-limit': String(limit),
    'x-keap-product-quota-expiry-time': String(expiry),
    'x-keap-product-quota-time-unit': 'day',
  });
const gate = () => requestGate(25, () => 0.5);

describe('the request gate', () => {
  /** When spike arrests come, in milliseconds after noon. */
  const arrested = (...times: number[]) => {
    const each = gate();
    for (const time of times)
      each.answered({ headers: none, exceeded: 'second', startedAt: NOON + time }, NOON + time);
    return each;
  };

  it('rests after the second spike arrest within ten seconds, with jitter', () => {
    const each = arrested(0, 9999);
    expect(each.backOffMs(NOON + 9999)).toBe(750);
    expect(each.backOffMs(NOON + 9999 + 750)).toBe(0);
    expect(each.backOffMs(NOON + 9999 + 800)).toBe(0);
    each.enter(NOON + 9999);
    expect(each.take().pause).toBeUndefined();
  });

  it('rests after each spike arrest while they go on', () => {
    expect(arrested(0, 6000, 12_000).backOffMs(NOON + 12_000)).toBe(750);
  });

  it('ignores an occasional spike arrest', () => {
    expect(arrested(0).backOffMs(NOON)).toBe(0);
    expect(arrested(0, 10_000, 20_000).backOffMs(NOON + 20_000)).toBe(0);
  });

  it.each([
    ['the day, until the reset in the headers', 'day', quota(9, 9, NOON + HOUR), NOON + HOUR],
    ['the day, until midnight (UTC)', 'day', none, MIDNIGHT],
    ['the minute, for one minute', 'minute', none, NOON + 60_000],
    [
      'the minute, until the reset in the headers',
      'minute',
      new Headers({ 'x-keap-product-throttle-expiry-time': String(NOON + 9000) }),
      NOON + 9000,
    ],
  ] as const)('closes for %s', (_, exceeded, headers, until) => {
    const each = gate();
    each.answered({ headers, exceeded, startedAt: NOON }, NOON + 100);
    expect(() => each.enter(NOON + 200)).toThrow(RetryableError);
    expect(() => each.enter(until - 1)).toThrow(new Date(until).toISOString());
    each.enter(until);
    expect(each.take().pause).toMatchObject({ reason: exceeded, until });
    expect(each.take().pause).toBeUndefined();
  });

  it('closes when only the margin of the day is left', () => {
    const each = gate();
    each.answered({ headers: quota(974, 1000, MIDNIGHT), startedAt: NOON }, NOON);
    each.enter(NOON);
    each.answered({ headers: quota(975, 1000, MIDNIGHT), startedAt: NOON }, NOON);
    expect(() => each.enter(NOON)).toThrow(/day is spent until 2026-06-16T00:00/);
  });

  it.each([
    ['an end that has passed by now', quota(1000, 1000, MIDNIGHT), MIDNIGHT - 100, MIDNIGHT + 300],
    ['no end, from before midnight', none, MIDNIGHT - 100, MIDNIGHT + 300],
  ])('does not close for the new day after a late refusal with %s', (_, headers, startedAt, now) => {
    const each = gate();
    each.answered({ headers, exceeded: 'day', startedAt }, now);
    each.enter(now);
  });

  it('closes for a minute if the CRM’s clock is late at midnight', () => {
    const each = gate();
    each.answered({ headers: none, exceeded: 'day', startedAt: MIDNIGHT + 200 }, MIDNIGHT + 400);
    expect(() => each.enter(MIDNIGHT + 59_000)).toThrow(RetryableError);
    each.enter(MIDNIGHT + 60_200);
  });

  it('opens when the ledger has no pause any more, but not before its own pause is recorded', () => {
    const each = gate();
    each.answered({ headers: none, exceeded: 'day', startedAt: NOON }, NOON);
    each.set(undefined);
    expect(() => each.enter(NOON)).toThrow(RetryableError);
    each.take();
    each.set(undefined);
    each.enter(NOON);
  });

  it('returns the usage once, and takes back what could not be recorded', () => {
    const each = gate();
    each.started(NOON);
    each.answered({ headers: quota(7, 1000, MIDNIGHT), startedAt: NOON }, NOON);
    const usage = each.take();
    expect(usage).toMatchObject({ starts: [NOON], observed: { dayUsed: 7, dayLimit: 1000 } });
    expect(each.take()).toEqual({ starts: [], observed: undefined, pause: undefined });
    each.putBack(usage);
    each.started(NOON + 1);
    expect(each.take()).toMatchObject({ starts: [NOON, NOON + 1], observed: { dayUsed: 7 } });
  });

  it('returns the newest quota that the CRM has reported, whichever answer comes last', () => {
    const each = gate();
    const answered = (startedAt: number, headers: Headers) =>
      each.answered({ headers, startedAt }, NOON + 9000);
    answered(NOON + 2, quota(7, 1000, MIDNIGHT));
    answered(NOON + 1, quota(6, 1000, MIDNIGHT));
    answered(NOON + 3, none);
    expect(each.take().observed).toMatchObject({ startedAt: NOON + 2, dayUsed: 7 });
    answered(NOON + 1, quota(6, 1000, MIDNIGHT));
    answered(NOON + 1, quota(8, 1000, MIDNIGHT));
    expect(each.take().observed).toMatchObject({ dayUsed: 8 });
  });

  it('stays closed until the last end, if several limits are exceeded', () => {
    for (const order of [['day', 'minute'] as const, ['minute', 'day'] as const]) {
      const each = gate();
      for (const exceeded of order) each.answered({ headers: none, exceeded, startedAt: NOON }, NOON);
      expect(() => each.enter(MIDNIGHT - 1)).toThrow(/quota of the day/);
      expect(each.take().pause).toMatchObject({ reason: 'day', since: NOON, until: MIDNIGHT });
    }
  });

  it('reports a pause once, although many requests are refused', () => {
    const each = gate();
    each.answered({ headers: none, exceeded: 'day', startedAt: NOON }, NOON);
    expect(each.take().pause).toMatchObject({ until: MIDNIGHT });
    each.answered({ headers: none, exceeded: 'day', startedAt: NOON }, NOON + 1);
    expect(each.take().pause).toBeUndefined();
  });

  it('does not close at an end that is now', () => {
    const each = gate();
    each.answered({ headers: none, exceeded: 'minute', startedAt: NOON }, NOON + 60_000);
    expect(each.take().pause).toBeUndefined();
  });

  it('keeps what is newer when it takes back what could not be recorded', () => {
    const each = gate();
    const spent = (used: number, exceeded: 'minute' | 'day') =>
      each.answered({ headers: quota(used, 1000, MIDNIGHT), exceeded, startedAt: NOON }, NOON);
    spent(7, 'minute');
    const usage = each.take();
    spent(8, 'day');
    each.putBack(usage);
    expect(each.take()).toMatchObject({ observed: { dayUsed: 8 }, pause: { reason: 'day' } });
  });

  it('does not open before a pause that it has taken back is recorded', () => {
    const each = gate();
    each.answered({ headers: none, exceeded: 'day', startedAt: NOON }, NOON);
    each.putBack(each.take());
    each.set(undefined);
    expect(() => each.enter(NOON)).toThrow(PausedError);
    expect(each.take().pause).toMatchObject({ until: MIDNIGHT });
  });

  it.each([
    ['month', /The quota of the month is spent until 2026-06-16/],
    ['operator', /Paused by an operator until 2026-06-16/],
  ] as const)('closes for a pause of the ledger: %s', (reason, message) => {
    const each = gate();
    each.set({ reason, since: NOON, until: MIDNIGHT });
    expect(() => each.enter(NOON)).toThrow(message);
    expect(() => each.enter(NOON)).toThrow(expect.objectContaining({ reason, afterMs: MIDNIGHT - NOON }));
    each.enter(MIDNIGHT);
    expect(each.take().pause).toBeUndefined();
  });

  it.each([
    ['no headers', {}],
    ['lists of several windows', { 'x-keap-product-quota-used': '12|340' }],
    ['words', { 'x-keap-product-quota-used': 'many', 'x-keap-product-quota-limit': '-1' }],
    ['another unit', { 'x-keap-product-quota-used': '7', 'x-keap-product-quota-time-unit': 'hour' }],
  ])('ignores %s', (_, headers) => {
    const each = gate();
    each.answered({ headers: new Headers(headers as Record<string, string>), startedAt: NOON }, NOON);
    expect(each.take().observed).toBeUndefined();
  });
});
