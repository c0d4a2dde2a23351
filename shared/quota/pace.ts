import { LEAST_RATE, type Limits, rateOf } from './limits.ts';
import { burstIntervalMs, type SlotSchedule } from './slots.ts';

/** What the pace follows from: the CRM's limits and how fast it answers. */
export interface PaceInput {
  /** Requests that this system may start, all environments together. */
  limits: Pick<Limits, 'second' | 'minute'>;
  /** 95th percentile of the CRM's answer time in milliseconds. */
  latencyP95Ms: number;
  /** Slack of the window in milliseconds: how much the network may bend two requests towards each other. */
  windowSlackMs: number;
  /** Requests that start together when more are to be made than may; half a window's unless told otherwise. */
  burst?: number | undefined;
}

/** How many environments there are, and the slots that they share. */
export interface Pace extends SlotSchedule {
  /** Lambda environments that run at the same time: reserved concurrency and the event source's maximum. */
  environments: number;
}

/** Users in one batch of the event source (FIFO queues allow at most 10), see `infra/constructs/contact-sync.ts`. */
export const BATCH_SIZE = 10;

/** An event source's maximum concurrency is at least 2 (AWS Lambda, `ScalingConfig.MaximumConcurrency`). */
const MIN_ENVIRONMENTS = LEAST_RATE;

/** What a batch takes beside the CRM's answers, in milliseconds: reads, write-backs, and the way from the queue and back. */
const OVERHEAD_MS = 250;
/** How late the backfill's feeder notices on average that users are done, in milliseconds: it looks every `POLL_MS`, between its calls (lambdas/backfill/enqueue-users.ts). */
const FEEDER_LOOK_MS = 400;
/** More environments than it takes: one may be about to end the tags of many users, and one between two batches. */
const SPARE = 2;

/**
 * When requests may start, and how many environments it takes to make use of it.
 *
 * All environments reserve their request slots in one item (`rate-limiter.ts`), so no more requests than the rate start in any window,
 * however many environments there are and however fast the CRM answers. There have to be enough of them to use every slot:
 * an environment works on `BATCH_SIZE` users side by side, each with one request that waits for a burst or is on its way, and ends
 * the batch when the slowest of ten has been answered, which is about the p95. By Little's law that takes
 *
 *     environments = rate × (burst interval + p95 + overhead) ÷ BATCH_SIZE
 *
 * and two to spare (as many again where that is fewer). More would only reserve slots further ahead.
 *
 * The rate is what the second and the minute both allow, so the minute is kept by the same arithmetic: sixty windows are
 * never more than the minute's limit.
 *
 * @example paceFor({ limits: PRESETS.team, latencyP95Ms: 400, windowSlackMs: 50 })
 *          // → 5 environments, 25 requests in any 1,050 ms, 13 together
 * @throws RangeError when the rate is under 2 a second: the event source cannot run fewer than two environments.
 */
export function paceFor(input: PaceInput): Pace {
  const schedule = slotScheduleFor(input);
  const busy = Math.ceil(usersAtWork(schedule, input.latencyP95Ms) / BATCH_SIZE);
  return { ...schedule, environments: busy + Math.min(busy, SPARE) };
}

/**
 * Users that a backfill keeps in flight: as many as fill the pace, and those of the time between two looks of the feeder. A live change
 * waits behind them, so there are no more.
 *
 * @example inFlightFor({ limits: PRESETS.team, latencyP95Ms: 400, windowSlackMs: 45 }) // → 40: less than two seconds of the pace
 */
export function inFlightFor(input: PaceInput): number {
  const schedule = slotScheduleFor(input);
  const betweenLooks = (schedule.requestsPerWindow * FEEDER_LOOK_MS) / 1000;
  return Math.ceil(usersAtWork(schedule, input.latencyP95Ms) + betweenLooks);
}

function slotScheduleFor({ limits, windowSlackMs, burst }: PaceInput): SlotSchedule {
  const rate = rateOf(limits);
  if (rate < MIN_ENVIRONMENTS)
    throw new RangeError(`The limits allow ${rate} requests a second; ${MIN_ENVIRONMENTS} are needed`);
  return {
    requestsPerWindow: rate,
    windowMs: 1000 + windowSlackMs,
    burst: Math.min(rate, burst ?? Math.ceil(rate / 2)),
  };
}

/** By Little's law: those who wait for a burst, for an answer, or for the write-back. */
const usersAtWork = (schedule: SlotSchedule, latencyP95Ms: number): number =>
  (schedule.requestsPerWindow * (burstIntervalMs(schedule) + latencyP95Ms + OVERHEAD_MS)) / 1000;

/** Requests a second that the pace comes to. */
export const requestsPerSecond = ({ requestsPerWindow, windowMs }: SlotSchedule): number =>
  (requestsPerWindow * 1000) / windowMs;
