import { LEAST_RATE, type Limits, rateOf } from './limits.ts';

/** What the pace follows from: the CRM's limits and how fast it answers. */
export interface PaceInput {
  /** Requests that this system may start, all environments together. */
  limits: Pick<Limits, 'second' | 'minute'>;
  /** 95th percentile of the CRM's answer time in milliseconds. */
  latencyP95Ms: number;
  /** Slack of the window in milliseconds: how much the network may bend two requests towards each other. */
  windowSlackMs: number;
}

/** How many environments there are, and what each of them may do. */
export interface Pace {
  /** Lambda environments that run at the same time: reserved concurrency and the event source's maximum. */
  environments: number;
  /** Request starts that one environment may make in any sliding window. */
  requestsPerWindow: number;
  /** Length of the window in milliseconds: a second and the slack. */
  windowMs: number;
}

/** Users in one batch of the event source (FIFO queues allow at most 10), see `infra/contact-sync.ts`. */
export const BATCH_SIZE = 10;

/** Requests that a new user costs: one for the contact and one for its tags. */
const REQUESTS_PER_USER = 2;

/** An event source's maximum concurrency is at least 2 (AWS Lambda, `ScalingConfig.MaximumConcurrency`). */
const MIN_ENVIRONMENTS = LEAST_RATE;

/** Part of an invocation that may be spent waiting for its slowest user. */
const IDLE_TAIL = 0.1;

/**
 * How many environments share the CRM's limit, and the share of each.
 *
 * An invocation has `BATCH_SIZE × REQUESTS_PER_USER` requests to make. At a share of s a second they start within
 * `W = requests ÷ s` seconds, and then the environment idles for about one slow answer (the p95). By Little's law a
 * share is kept in flight by s × latency requests, which one batch supplies as long as that idle tail is a small part
 * of W. So s is the largest whole number for which the tail stays under a tenth of the invocation:
 *
 *     s ≤ IDLE_TAIL × requests ÷ latency
 *
 * The fewest environments with shares that small are the ones that make full batches soonest. Shares are whole
 * numbers for each window, so of N up to twice that many, the one with `N × s` closest to the rate wins, and of equals
 * the smallest. `N × s` is never more than the rate, whatever the latency.
 *
 * The rate is what the second and the minute both allow, so the minute is kept by the same arithmetic: sixty windows of
 * `N × s` requests are never more than the minute's limit.
 *
 * @example paceFor({ limits: PRESETS.team, latencyP95Ms: 400, windowSlackMs: 50 })
 *          // → 5 environments, 5 requests each in any 1,050 ms
 * @throws RangeError when the rate is under 2 a second: the event source cannot run fewer than two environments.
 */
export function paceFor({ limits, latencyP95Ms, windowSlackMs }: PaceInput): Pace {
  const rate = rateOf(limits);
  if (rate < MIN_ENVIRONMENTS)
    throw new RangeError(`The limits allow ${rate} requests a second; ${MIN_ENVIRONMENTS} are needed`);
  const requests = BATCH_SIZE * REQUESTS_PER_USER;
  const largestShare = Math.max(1, Math.floor((IDLE_TAIL * requests * 1000) / latencyP95Ms));
  let fewest = MIN_ENVIRONMENTS;
  while (Math.floor(rate / fewest) > largestShare) fewest++;
  let environments = fewest;
  for (let candidate = fewest; candidate <= Math.min(2 * fewest, rate); candidate++) {
    if (filled(rate, candidate) > filled(rate, environments)) environments = candidate;
  }
  return {
    environments,
    requestsPerWindow: Math.floor(rate / environments),
    windowMs: 1000 + windowSlackMs,
  };
}

const filled = (rate: number, environments: number): number => Math.floor(rate / environments) * environments;
