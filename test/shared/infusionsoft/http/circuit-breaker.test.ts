import { describe, expect, it } from 'vitest';
import { circuitBreaker } from '../../../../shared/infusionsoft/http/circuit-breaker.ts';
import { CrmDownError } from '../../../../shared/sync/errors.ts';

const fail = (breaker: ReturnType<typeof circuitBreaker>, times: number, now: number) => {
  for (let failed = 0; failed < times; failed++) breaker.failed(now);
};
/** How long the breaker says to wait, in milliseconds; undefined if requests are allowed. */
const waitOf = (breaker: ReturnType<typeof circuitBreaker>, now: number): number | undefined => {
  try {
    breaker.enter(now);
    return undefined;
  } catch (error) {
    if (error instanceof CrmDownError) return error.afterMs;
    throw error;
  }
};

describe('the circuit breaker', () => {
  it('ignores failures with successes in between', () => {
    const breaker = circuitBreaker(() => 1);
    for (let round = 0; round < 10; round++) {
      fail(breaker, 4, 0);
      breaker.succeeded();
    }
    breaker.enter(0);
  });

  it('allows one probe at a time while the CRM is down, at growing intervals', () => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 5, 0);
    expect(() => breaker.enter(9_999)).toThrow(CrmDownError);
    breaker.enter(10_000);
    breaker.started();
    expect(() => breaker.enter(10_000)).toThrow(CrmDownError);
    expect(() => breaker.enter(10_001)).toThrow(CrmDownError);
    breaker.failed(12_000);
    expect(() => breaker.enter(31_999)).toThrow(CrmDownError);
    breaker.enter(32_000);
    breaker.started();
    breaker.succeeded();
    breaker.enter(32_001);
  });

  it('does not rest longer because of requests that were under way when it opened', () => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 20, 0);
    breaker.enter(10_000);
  });

  it('stays closed below five failures in a row', () => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 4, 0);
    breaker.enter(0);
    breaker.failed(0);
    expect(() => breaker.enter(0)).toThrow(CrmDownError);
  });

  it('rests twice as long after each failed probe, up to 28 minutes, however long the outage', () => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 5, 0);
    let now = 0;
    const rests: number[] = [];
    for (let probe = 0; probe < 2000; probe++) {
      const seconds = (waitOf(breaker, now) ?? 0) / 1000;
      if (probe < 10 || probe > 1990) rests.push(seconds);
      now += seconds * 1000;
      breaker.enter(now);
      breaker.started();
      breaker.failed(now);
    }
    expect(rests.slice(0, 10)).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 1680, 1680]);
    expect(new Set(rests.slice(10))).toEqual(new Set([1680]));
  });

  it('rests up to a quarter less, so that environments do not probe at the same time', () => {
    const breaker = circuitBreaker(() => 0);
    fail(breaker, 5, 0);
    expect(waitOf(breaker, 0)).toBe(7500);
  });

  it.each([
    ['during the rest', 4000, false, 6000],
    ['while a probe is running', 10_001, true, 5000],
  ])('says in its error when to retry %s', (_, now, isProbing, afterMs) => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 5, 0);
    if (isProbing) breaker.started();
    expect(waitOf(breaker, now)).toBe(afterMs);
  });

  it('counts the failures of one user’s contact once until the next success', () => {
    const breaker = circuitBreaker(() => 1);
    for (let time = 0; time < 100; time++) breaker.failed(time, 'ann');
    fail(breaker, 3, 100);
    breaker.enter(100);
    breaker.failed(100);
    expect(() => breaker.enter(100)).toThrow(CrmDownError);
    breaker.succeeded();
    breaker.failed(200, 'ann');
    fail(breaker, 3, 200);
    breaker.enter(200);
  });

  it('opens after failures of five users’ contacts without a success', () => {
    const breaker = circuitBreaker(() => 1);
    for (const user of ['ann', 'bob', 'cat', 'dan']) breaker.failed(0, user);
    breaker.enter(0);
    breaker.failed(0, 'eve');
    expect(() => breaker.enter(0)).toThrow(CrmDownError);
  });

  it('lets another user probe when the probe failed for a user who had failed before', () => {
    const breaker = circuitBreaker(() => 1);
    for (const user of ['ann', 'bob', 'cat', 'dan', 'eve']) breaker.failed(0, user);
    breaker.enter(10_000);
    breaker.started();
    expect(() => breaker.enter(10_000)).toThrow(CrmDownError);
    breaker.failed(10_001, 'ann');
    breaker.enter(10_001);
    breaker.started();
    breaker.failed(10_002, 'fay');
    expect(waitOf(breaker, 10_002)).toBe(20_000);
  });

  it('closes after a success of a request that was under way when it opened', () => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 5, 0);
    breaker.succeeded();
    breaker.enter(1);
    fail(breaker, 4, 1);
    breaker.enter(2);
  });

  it('has its first rest again in the next outage', () => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 5, 0);
    breaker.started();
    breaker.failed(10_000);
    breaker.started();
    breaker.succeeded();
    for (let request = 0; request < 5; request++) breaker.started();
    fail(breaker, 5, 60_000);
    expect(waitOf(breaker, 60_000)).toBe(10_000);
  });
});
