import { describe, expect, it } from 'vitest';
import { circuitBreaker } from '../../../../shared/infusionsoft/http/circuit-breaker.ts';
import { RetryableError } from '../../../../shared/sync/errors.ts';

const fail = (breaker: ReturnType<typeof circuitBreaker>, times: number, now: number) => {
  for (let failed = 0; failed < times; failed++) breaker.failed(now);
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
    expect(() => breaker.enter(9_999)).toThrow(RetryableError);
    breaker.enter(10_000);
    breaker.started();
    expect(() => breaker.enter(10_001)).toThrow(RetryableError);
    breaker.failed(12_000);
    expect(() => breaker.enter(31_999)).toThrow(RetryableError);
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

  it('says in its error when to retry', () => {
    const breaker = circuitBreaker(() => 1);
    fail(breaker, 5, 0);
    try {
      breaker.enter(4000);
      expect.unreachable();
    } catch (error) {
      expect((error as RetryableError).afterMs).toBe(6000);
    }
  });
});
