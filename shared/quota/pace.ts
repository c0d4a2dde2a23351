import { LEAST_RATE, type Limits, rateOf } from './limits.ts';
import { burstIntervalMs, type SlotSchedule } from './slots.ts';

/** What the pace is computed from. */
export interface PaceInput {
  /** Requests that this system may start, all environments together. */
  limits: Pick<Limits, 'second' | 'minute'>;
  /** 95th percentile of the CRM's response time in milliseconds. */
  latencyP95Ms: number;
  /** How much longer than a second the window is, in milliseconds: room for late timers and for network jitter. */
  windowSlackMs: number;
  /** Requests that start together when there is more to do than the limit allows. The default is half a window's. */
  burst?: number | undefined;
}

/** The request slots, and the number of environments that share them. */
export interface Pace extends SlotSchedule {
  /** Lambda environments that run at the same time: reserved concurrency, and maximum concurrency of the event source. */
  environments: number;
}

/** Messages in one batch of the event source: the most that FIFO queues allow, see `infra/constructs/contact-sync.ts`. */
export const BATCH_SIZE = 10;

/** An event source's maximum concurrency is at least 2 (AWS Lambda, `ScalingConfig.MaximumConcurrency`). */
const MIN_ENVIRONMENTS = LEAST_RATE;

/** Time of a batch in addition to the CRM's answers, in milliseconds: reads, write-backs, and receiving from the queue. */
const OVERHEAD_MS = 250;
/** Spare environments: one may be writing back a tag job, and one may be between two batches. */
const SPARE = 2;

/**
 * When requests may start, and how many environments it takes to use every slot.
 *
 * All environments reserve their request slots in one item (`rate-limiter.ts`), so no window has more requests than the rate, however many
 * environments there are and however fast the CRM answers. An environment works on `BATCH_SIZE` users at a time, each with one request that
 * waits for a burst or for its answer. A batch ends with the slowest of its ten answers, which is about the p95. By Little's law:
 *
 *     environments = rate × (burst interval + p95 + overhead) ÷ BATCH_SIZE
 *
 * and two to spare (or as many again, if that is fewer). More environments would only reserve slots further ahead.
 *
 * The rate respects the limits of the second and of the minute: sixty windows never have more requests than the minute allows.
 *
 * @example paceFor({ limits: PRESETS.team, latencyP95Ms: 400, windowSlackMs: 50 })
 *          // → 5 environments, 25 requests in any 1,050 ms, 13 together
 * @throws RangeError for a rate under 2 a second: an event source cannot run fewer than two environments.
 */
export function paceFor(input: PaceInput): Pace {
  const schedule = slotScheduleFor(input);
  const busy = Math.ceil(usersAtWork(schedule, input.latencyP95Ms) / BATCH_SIZE);
  return { ...schedule, environments: busy + Math.min(busy, SPARE) };
}

/**
 * Users that a backfill keeps in the queue: enough to use every slot. Most answers are faster than the p95, which leaves room for the time
 * until the backfill notices that a user is done. Live changes wait behind these users, so there are no more.
 *
 * @example inFlightFor({ limits: PRESETS.team, latencyP95Ms: 400, windowSlackMs: 45 }) // → 30: little more than a second of the pace
 */
export const inFlightFor = (input: PaceInput): number =>
  Math.ceil(usersAtWork(slotScheduleFor(input), input.latencyP95Ms));

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

/** By Little's law: users who wait for a burst, for an answer, or for the write-back. */
const usersAtWork = (schedule: SlotSchedule, latencyP95Ms: number): number =>
  (schedule.requestsPerWindow * (burstIntervalMs(schedule) + latencyP95Ms + OVERHEAD_MS)) / 1000;

/** Requests a second on average. */
export const requestsPerSecond = ({ requestsPerWindow, windowMs }: SlotSchedule): number =>
  (requestsPerWindow * 1000) / windowMs;

// The highest rate. All request slots are in one DynamoDB item, whose write throughput is limited.

/** Write units a second of one item (DynamoDB, "Best practices for designing and using partition keys effectively"). */
const UNITS_PER_SECOND = 1000;
/** Bytes that one unit writes (DynamoDB, "Capacity unit consumption for write operations"). */
const BYTES_PER_UNIT = 1024;
/**
 * A slot is a number of 13 digits in a list: a byte for two digits, one more, and one for the element (DynamoDB, "Item sizes and formats").
 */
const BYTES_PER_SLOT = 9;
/** Key, version, attribute names, the leases of three commands, and some room. */
const OTHER_BYTES = 350;
/**
 * Writes of a request in the worst case: each request reserves its slot alone, and each write fails once because another environment was
 * faster. A write that fails its condition costs as much as one that succeeds (DynamoDB, "Conditional writes").
 */
const WRITES_PER_REQUEST = 2;

/**
 * Write units a second of the item with the request slots, in the worst case. It has the slots of one window and of one batch, so a write
 * costs more at higher rates.
 *
 * @param rate requests a second.
 * @example writeUnitsPerSecond(25) // → 50: the item is smaller than 1 KB
 */
export function writeUnitsPerSecond(rate: number): number {
  const bytes = (rate + BATCH_SIZE) * BYTES_PER_SLOT + OTHER_BYTES;
  return rate * WRITES_PER_REQUEST * Math.ceil(bytes / BYTES_PER_UNIT);
}

/** Most requests a second that one item can pace. Beyond, DynamoDB would throttle the item, and requests would fail without a slot. */
export const MAX_RATE = highestRate();

function highestRate(): number {
  let rate = 1;
  while (writeUnitsPerSecond(rate + 1) <= UNITS_PER_SECOND) rate++;
  return rate;
}
