import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CircuitBreaker, circuitBreaker } from '../../../shared/infusionsoft/http/circuit-breaker.ts';
import { ContactFaultError } from '../../../shared/infusionsoft/http/failures.ts';
import * as policy from '../../../shared/quota/retry-policy.ts';
import { CloudError, CrmDownError, RetryableError } from '../../../shared/sync/errors.ts';

const MINUTE_MS = 60_000;
const { backoffMs } = policy;

/** Total time of the first `deliveries` of a message that always fails in the same way, without jitter. */
const timeOf = (deliveries: number, error: RetryableError): number =>
  Array.from({ length: deliveries }, (_, index) => backoffMs(index + 1, error, 0)).reduce((a, b) => a + b, 0);

describe('the wait until the next delivery', () => {
  const failure = new RetryableError('');
  const first = backoffMs(1, failure, 0);
  const longest = backoffMs(policy.MAX_RECEIVE_COUNT, failure, 0);

  it('doubles with each delivery, up to the longest', () => {
    expect(backoffMs(2, failure, 0)).toBe(2 * first);
    expect(backoffMs(4, failure, 0)).toBe(8 * first);
    expect(backoffMs(30, failure, 0)).toBe(longest);
    expect(longest).toBeGreaterThan(8 * first);
  });

  it('is what the error says, but never longer than an hour', () => {
    expect(backoffMs(1, new RetryableError('', { afterMs: 5000 }), 0)).toBe(5000);
    expect(backoffMs(9, new RetryableError('', { afterMs: 0 }), 0)).toBe(0);
    expect(backoffMs(1, new RetryableError('', { afterMs: 24 * 60 * MINUTE_MS }), 0)).toBe(60 * MINUTE_MS);
  });

  it('has jitter of up to half the wait, and of half a minute at most where many wait for one moment', () => {
    expect(backoffMs(4, failure, 1)).toBe(12 * first);
    expect(backoffMs(1, new RetryableError('', { afterMs: 2000 }), 1)).toBe(3000);
    expect(backoffMs(1, new RetryableError('', { afterMs: 3_000_000 }), 1)).toBe(3_030_000);
  });

  it('while the CRM is down is the longer of the two', () => {
    const down = (afterMs: number) => new CrmDownError('', { afterMs });
    expect(backoffMs(1, down(60_000), 0)).toBe(60_000);
    expect(backoffMs(30, down(60_000), 0)).toBe(longest);
  });

  it('after a failure for one contact is the longer of the two: its user may be alone in the queue', () => {
    const fault = (afterMs?: number) => new ContactFaultError('', 'no', afterMs);
    expect(backoffMs(1, fault(), 0)).toBe(first);
    expect(backoffMs(1, fault(60_000), 0)).toBe(60_000);
    expect(backoffMs(30, fault(60_000), 0)).toBe(longest);
    expect(timeOf(policy.MAX_RECEIVE_COUNT, fault(60_000))).toBeGreaterThan(policy.MESSAGE_RETENTION_MS);
  });

  it('after failures of our own cloud is a minute and a half at most, for about an hour', () => {
    const waits = Array.from({ length: 50 }, (_, index) => backoffMs(index + 1, new CloudError(''), 1));
    expect(Math.max(...waits)).toBe(1.5 * MINUTE_MS);
    expect(timeOf(50, new CloudError(''))).toBeGreaterThan(45 * MINUTE_MS);
    expect(backoffMs(51, new CloudError(''), 0)).toBe(longest);
  });

  it('is never negative, and never longer than SQS can hide a message (12 hours)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: policy.MAX_RECEIVE_COUNT }),
        fc.option(fc.nat(), { nil: undefined }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (count, afterMs, random) => {
          const wait = backoffMs(count, new RetryableError('', { afterMs }), random);
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThan(12 * 60 * MINUTE_MS);
          if (afterMs !== undefined) expect(wait).toBeLessThanOrEqual(policy.MAX_RETRY_INTERVAL_MS);
        },
      ),
    );
  });
});

describe('the numbers agree with each other', () => {
  it.each([
    ['a failure of the CRM', new RetryableError('')],
    ['a failure of our own cloud', new CloudError('')],
    ['a pause', new RetryableError('', { afterMs: Number.POSITIVE_INFINITY })],
    ['a limit that is exceeded again and again', new RetryableError('', { afterMs: MINUTE_MS })],
    ['a failure that passes at once', new RetryableError('', { afterMs: 0 })],
  ])('the deliveries of a message last as long as the queue keeps it: %s', (_, error) => {
    expect(timeOf(policy.MAX_RECEIVE_COUNT, error)).toBeGreaterThan(policy.MESSAGE_RETENTION_MS);
  });

  it('an outage of the CRM makes no dead letter within the retention, whichever environments receive a message', () => {
    const environments = Array.from({ length: 5 }, () => circuitBreaker());
    const messages = Array.from({ length: 60 }, (_, index) => ({ dueAt: index * 500, deliveries: 0 }));
    const next = () => messages.reduce((first, each) => (each.dueAt < first.dueAt ? each : first));
    for (let message = next(); message.dueAt < policy.MESSAGE_RETENTION_MS; message = next()) {
      message.deliveries++;
      const environment = environments[Math.floor(Math.random() * environments.length)];
      message.dueAt +=
        1000 + backoffMs(message.deliveries, failureOf(environment, message.dueAt), Math.random());
    }
    const most = Math.max(...messages.map(({ deliveries }) => deliveries));
    expect(most).toBeLessThan(policy.MAX_RECEIVE_COUNT);

    function failureOf(breaker: CircuitBreaker | undefined, now: number): RetryableError {
      try {
        breaker?.enter(now);
      } catch (error) {
        return error as RetryableError;
      }
      breaker?.started();
      breaker?.failed(now);
      return new RetryableError('The CRM failed (503)');
    }
  });

  it('the retries of a request fit in an invocation, with time for a slow answer and the write-back', () => {
    const { limit, maxDelayMs } = policy.REQUEST_RETRY;
    const needed = limit * maxDelayMs + policy.ANSWER_TIME.maxMs + policy.WRITE_BACK_MS;
    expect(needed).toBeLessThan(policy.INVOCATION_MS);
  });

  it('another environment takes over the users of one that died within 150 s, after six time-outs of the function', () => {
    expect(policy.VISIBILITY_MS).toBe(150_000);
    expect(policy.VISIBILITY_MS).toBe(6 * policy.INVOCATION_MS);
  });

  it('a call of the backfill fits in its function, and its function in its step', () => {
    expect(policy.BACKFILL_CALL_MS).toBeLessThan(policy.BACKFILL_FUNCTION_MS);
    expect(policy.BACKFILL_FUNCTION_MS).toBeLessThan(policy.BACKFILL_STEP_MS);
  });

  it('the retries of a step take up to a quarter of an hour', () => {
    const { maxAttempts, intervalMs, backoffRate, maxDelayMs } = policy.BACKFILL_STEP_RETRY;
    const waits = Array.from({ length: maxAttempts }, (_, n) =>
      Math.min(maxDelayMs, intervalMs * backoffRate ** n),
    );
    const total = waits.reduce((a, b) => a + b, 0);
    expect(total).toBeGreaterThan(10 * MINUTE_MS);
    expect(total).toBeLessThan(16 * MINUTE_MS);
  });

  it('a backfill waits for a user longer than the tags of a user wait for those of others', () => {
    expect(policy.BACKFILL_WAIT.tagsMs).toBeLessThan(policy.BACKFILL_WAIT.idleMs);
  });

  it('a recorded failure counts until the message has been tried again', () => {
    expect(policy.BACKFILL_WAIT.failureMs).toBeGreaterThan(policy.MAX_RETRY_INTERVAL_MS);
    expect(policy.LEFT_QUEUE_MS).toBeGreaterThan(policy.MAX_RETRY_INTERVAL_MS);
  });
});

describe('an event that the callback did not accept', () => {
  it.each([
    [1, 5000],
    [2, 30_000],
    [5, 30 * MINUTE_MS],
    [6, 60 * MINUTE_MS],
    [29, 60 * MINUTE_MS],
    [100, 60 * MINUTE_MS],
  ])('is tried again after delivery %s in %s ms', (receiveCount, delayMs) => {
    expect(policy.callbackDelayMs(receiveCount)).toBe(delayMs);
  });
});
