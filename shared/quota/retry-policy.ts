import { CloudError, type RetryableError } from '../sync/errors.ts';

/*
 * The retry policy: every delay, backoff, attempt count, lease wait and time-out that decides when something is tried again. From the
 * inside out: a request, an environment, an invocation, AWS services, a message, the backfill, other functions. docs/retries.md shows it by
 * failure: `test/docs/retry-table.ts` makes the page from these values (`npm run docs`).
 *
 * Names end in the unit, for example `Ms`. Values that follow from others are derived, so a change is one edit.
 */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

// A request to the CRM, inside one invocation

/**
 * Retries of one request (ky's `retry` options). Few and short: a request holds up the rest of its batch, and the next delivery of the
 * message is the longer retry. A creation is never repeated, and a create-or-update only after a spike arrest, which had no effect: see
 * `infusionsoft/client.ts`.
 */
export const REQUEST_RETRY = {
  /** Retries after the first attempt. */
  limit: 2,
  /** Statuses that are retried: time-out, rate limit, and failures of the CRM or of a proxy before it. */
  statusCodes: [408, 429, 500, 502, 503, 504],
  /** Statuses whose `Retry-After` header is respected, up to {@link REQUEST_RETRY.maxDelayMs}. */
  afterStatusCodes: [429, 503],
  /** Delay before the first retry, the same for all statuses. It doubles with each, and full jitter draws from 0 up to it. */
  firstDelayMs: 300,
  /** Longest delay, also when `Retry-After` asks for more: two of them fit in an invocation with time to spare. */
  maxDelayMs: 4 * SECOND_MS,
} as const;

/**
 * A request starts only if this much time is left for its answer: 1.5 times the slowest recent answer, within these bounds. Answers of the
 * CRM can take 10 s and more, so a request that is cut off may still take effect.
 */
export const ANSWER_TIME = { minMs: 3 * SECOND_MS, maxMs: 10 * SECOND_MS } as const;

/**
 * How long a write without a usable answer may still be running at the CRM. A second creation at that time can create a second contact
 * or company, and a later update can be overwritten by the earlier one.
 */
export const UNCERTAIN_WRITE_MS = MINUTE_MS;

/**
 * How long until a contact that the CRM does not know (404) counts as gone: the answer may be wrong for a while, and after a merge the
 * CRM's search may not show the other contact yet.
 */
export const GONE_AFTER_MS = MINUTE_MS;

/** How long after a create without an answer the CRM's search may not show the contact yet. */
export const SEARCH_DELAY_MS = MINUTE_MS;

/**
 * Two users who want one email or one contact: the second waits for a change of the first. It tries again after as long as it has waited,
 * at least `firstMs` and at most `maxMs`, and is rejected after `limitMs` without a change of either.
 */
export const CONFLICT = { firstMs: 15 * SECOND_MS, maxMs: 5 * MINUTE_MS, limitMs: 15 * MINUTE_MS } as const;

/**
 * A user for whose contact alone the CRM fails (500 with a message) is rejected after this number of counted deliveries. A delivery counts
 * `apartMs` after the last one that counted, if the CRM has accepted a change of another user's contact in between. So a failure that lasts
 * less than `(deliveries - 1) * apartMs`, eight minutes, rejects nobody. In a longer failure of half of all requests, each of about nine
 * deliveries would have to fail, since a success ends the count.
 */
export const CONTACT_FAULT = { deliveries: 3, apartMs: 4 * MINUTE_MS } as const;

// One environment of sync-contact: what it does after several failures

/**
 * Back-off of an environment after spike arrests. The gateway counts only approximately, so a single spike arrest is ignored: a rest would
 * waste ten request slots. After a second one within `withinMs`, other programs are using up the limit.
 */
export const SPIKE_BACKOFF = {
  withinMs: 10 * SECOND_MS,
  /** Length of the rest; jitter adds up to as much again. */
  restMs: 500,
} as const;

/**
 * Circuit breaker: stops requests of an environment while the CRM is down, and lets one probe through after each rest. Jitter takes up to a
 * quarter off a rest.
 */
export const CIRCUIT_BREAKER = {
  /** Consecutive failures that open it: half a batch, so that a short hiccup does not. */
  failures: 5,
  /** First rest. It doubles with each failed probe. */
  firstRestMs: 10 * SECOND_MS,
  /** Longest rest: an outage of six hours costs each environment some 30 requests. */
  maxRestMs: 28 * MINUTE_MS,
  /** How long other requests wait while a probe is running: about as long as a slow answer. */
  whileProbingMs: 5 * SECOND_MS,
} as const;

/** What the consumer does after the CRM has refused its credentials (401). */
export const CREDENTIALS_RETRY = {
  /** Shortest time between two reads of a secret that has no usable credentials. */
  readAgainMs: 5 * SECOND_MS,
  /**
   * How long refused credentials are not sent again. It doubles with each refusal: a mistake of the gateway must not lock the sync out
   * until the next rotation, and a revoked key must not be tried all the time.
   */
  firstRefusalMs: 10 * SECOND_MS,
  maxRefusalMs: 5 * MINUTE_MS,
} as const;

// One invocation of sync-contact

/** Longest that an invocation of sync-contact lasts: the time-out of the function. All leases of an invocation end with it. */
export const INVOCATION_MS = 25 * SECOND_MS;

/** The end of an invocation, in which it stores what it has done. Requests to the CRM are cut off before. */
export const WRITE_BACK_MS = 4 * SECOND_MS;

/**
 * How long an invocation may take leases for a tag job. They are released with twice the concurrency, so all of them can be released within
 * {@link WRITE_BACK_MS}.
 */
export const TAG_JOB_LEASING_MS = 1.5 * WRITE_BACK_MS;

/** How soon a message returns when its invocation ran out of time: the next invocation has all of its time. */
export const OUT_OF_TIME_MS = 0;

/** How soon a message returns when no request slot was left before the end of the invocation. */
export const NO_SLOT_MS = 2 * SECOND_MS;

/** A slot further ahead than an invocation can last was reserved by a wrong clock. One second is tolerated. */
export const MAX_SLOT_AHEAD_MS = INVOCATION_MS + SECOND_MS;

/** A lease of a person's command on a part of the request rate. */
export const RATE_LEASE = {
  /** How long it lasts without a renewal: what a command that died takes from the sync. */
  ms: 30 * SECOND_MS,
  /** No request starts this long after the last renewal: a third, so that a slow write ends in time. */
  renewAfterMs: 10 * SECOND_MS,
  /** How soon a command tries again while others have all of the rate. */
  lookAgainMs: 2 * SECOND_MS,
} as const;

/** A request to inspect the account is ignored when it is older than this. The commands that send it wait less than that. */
export const INSPECTION_ANSWER_MS = 15 * MINUTE_MS;

/** How soon a message returns when another invocation works on the same thing. Short, since most invocations are. */
export const LEASE_RETRY = {
  /** The user. */
  userMs: SECOND_MS,
  /** A company that the other invocation creates. */
  companyMs: 2 * SECOND_MS,
  /** Most users of a tag job. */
  tagJobMs: 3 * SECOND_MS,
  /** A claim on an email or a contact. */
  claimMs: 5 * SECOND_MS,
  /** The claims of all users. Afterwards, the invocation continues without them. */
  claimIndexMs: SECOND_MS,
  /** The catalog. An invocation first waits for it itself, for up to half of its time. */
  catalogPollMs: 250,
  catalogWaitMs: INVOCATION_MS / 2,
  catalogMs: 2 * SECOND_MS,
} as const;

/**
 * How long until a failed detection of the account's array modes is repeated, if the failure does not say. Until then, users are synced
 * without the modes, and a probe contact whose deletion failed stays in the account.
 */
export const ARRAY_MODES_RETRY_MS = HOUR_MS;

// The AWS services

/**
 * Time-out of one request to an AWS service, which answers within milliseconds. The SDK repeats it (3 attempts by default) instead of
 * waiting until the function times out.
 */
export const AWS_REQUEST_TIMEOUT_MS = 3 * SECOND_MS;

/** Conditional writes of one shared item. Environments that write at the same moment are separated by a random rest. */
export const VERSIONED_WRITE = { attempts: 12, maxRestMs: 100 } as const;

/** Attempts to publish events that the bus did not accept, in one invocation. The delay doubles with each. */
export const PUBLISH_RETRY = { attempts: 4, firstDelayMs: 100 } as const;

/**
 * A poll of the CRM reads pages for `sliceMs`, since the users of its batch wait for its end, and only while `pageMs` are left for another
 * page. Then it continues in another invocation.
 */
export const POLL_TIME = { sliceMs: 5 * SECOND_MS, pageMs: 10 * SECOND_MS } as const;

// A message in the queue

/** How long the queues keep a message: the longest that Amazon SQS allows. */
export const MESSAGE_RETENTION_MS = 14 * DAY_MS;

/**
 * Deliveries after which a message becomes a dead letter: the most that SQS allows. Messages that no retry can help become one at once, so
 * deliveries only count failures that may pass. They must last for {@link MESSAGE_RETENTION_MS}.
 */
export const MAX_RECEIVE_COUNT = 1000;

/**
 * How long the queue hides a message from other invocations: six times the time-out of the function, as AWS recommends (Lambda developer
 * guide, "Using Lambda with Amazon SQS"). The users of an environment that dies wait this long.
 */
export const VISIBILITY_MS = 6 * INVOCATION_MS;

/** Deliveries of a message that may follow each other soon. The ones after them have to last for the retention. */
export const SOON_DELIVERIES = 50;

/** The backoff after failures of AWS services: short for the first deliveries, about an hour, since most failures pass by then. */
export const CLOUD_BACKOFF = { maxMs: MINUTE_MS } as const;

/** The backoff of a message whose failure does not say when to retry, and of every message after {@link SOON_DELIVERIES}. */
export const MESSAGE_BACKOFF = {
  /** After the first delivery. It doubles with each, and jitter adds up to half of it. */
  firstMs: 2 * SECOND_MS,
  /** 22 minutes: the retention, divided by the deliveries that it has to last for. */
  maxMs: Math.ceil(MESSAGE_RETENTION_MS / (MAX_RECEIVE_COUNT - SOON_DELIVERIES) / MINUTE_MS) * MINUTE_MS,
} as const;

/**
 * Longest time that a message is hidden at once, also during a longer pause: an operator may end it. In 14 days, this makes 336 deliveries.
 */
export const MAX_HIDDEN_MS = HOUR_MS;

/**
 * Longest time that a message of a backfill is hidden while the backfill's part of the quota is spent: a live change of the same user waits
 * behind it.
 */
export const BACKFILL_HIDDEN_MS = 5 * MINUTE_MS;

/** Longest jitter of messages that wait for the same moment. */
const MAX_SPREAD_MS = 30 * SECOND_MS;

/**
 * How long to wait until the next delivery of a message, in milliseconds: as the error says, or an exponential backoff; the longer of the
 * two where the error backs off, and after {@link SOON_DELIVERIES}.
 *
 * @param receiveCount deliveries of the message so far, this one included.
 * @param random from 0 to 1: jitter.
 * @example backoffMs(3, new RetryableError('The CRM failed (503)'), 0) // → 8000
 */
export function backoffMs(receiveCount: number, error: RetryableError, random: number): number {
  const isSoon = receiveCount <= SOON_DELIVERIES;
  const isCloud = error instanceof CloudError && isSoon;
  const { maxMs } = isCloud ? CLOUD_BACKOFF : MESSAGE_BACKOFF;
  const backoff = Math.min(maxMs, MESSAGE_BACKOFF.firstMs * 2 ** (receiveCount - 1));
  const { afterMs } = error;
  if (afterMs === undefined) return backoff * (1 + random / 2);
  const wait = error.backsOff || !isSoon ? Math.max(afterMs, backoff) : afterMs;
  const base = Math.min(MAX_HIDDEN_MS, wait);
  return base + Math.min(base / 2, MAX_SPREAD_MS) * random;
}

/** Longest time from one delivery of a message to the next. */
export const MAX_RETRY_INTERVAL_MS = MAX_HIDDEN_MS + MAX_SPREAD_MS;

/** A message that was not received for this long is no longer in the queue: twice the longest wait. */
export const LEFT_QUEUE_MS = 2 * MAX_HIDDEN_MS;

/** Failed deliveries in a row after which a user counts as postponed, and a backfill no longer waits for it. */
export const POSTPONED_AFTER = 3;

// The callback that gets events

const CALLBACK_FIRST_DELAYS_MS = [5, 30, 2 * 60, 10 * 60, 30 * 60].map((seconds) => seconds * SECOND_MS);

/**
 * Retries of an event that the callback did not accept, over a day: after an hour at most, so that a callback that is up again soon has all
 * events. Then the event becomes a dead letter.
 */
export const CALLBACK_RETRY = {
  delaysMs: [...CALLBACK_FIRST_DELAYS_MS, ...Array<number>(24).fill(HOUR_MS)],
  /** How long the callback may take to answer: as long as Standard Webhooks recommends at least. */
  timeoutMs: 15 * SECOND_MS,
} as const;

/** Time-out of send-callback: one request to the callback, all events of a batch at the same time. */
export const CALLBACK_FUNCTION_MS = 2 * CALLBACK_RETRY.timeoutMs;

/** How long the queue of the callback hides an event that was not handled, six times the function's time-out as AWS recommends. */
export const CALLBACK_VISIBILITY_MS = 6 * CALLBACK_FUNCTION_MS;

/** How long until an event is tried again, in milliseconds. @param receiveCount deliveries so far, this one included. */
export const callbackDelayMs = (receiveCount: number): number =>
  CALLBACK_RETRY.delaysMs[receiveCount - 1] ?? HOUR_MS;

// The backfill

/**
 * Time-out of the function that runs the steps of the backfill. A run has its share of the pace for this long after its last call began:
 * the function has ended by then.
 */
export const BACKFILL_FUNCTION_MS = MINUTE_MS;

/** How long one call of the step "Enqueue users" works: a third of the function's time, since the last scan or write may be slow. */
export const BACKFILL_CALL_MS = 20 * SECOND_MS;

/** Time-out of a step: no call of the function lasts longer, so an answer that has not come by then is lost. */
export const BACKFILL_STEP_MS = 2 * BACKFILL_FUNCTION_MS;

/**
 * Retries of a step by Step Functions, with full jitter. Together up to a quarter of an hour, longer than most outages of DynamoDB or SQS.
 */
export const BACKFILL_STEP_RETRY = {
  maxAttempts: 8,
  intervalMs: 5 * SECOND_MS,
  backoffRate: 2,
  maxDelayMs: 5 * MINUTE_MS,
} as const;

/** Waits between two calls of the step "Enqueue users". */
export const BACKFILL_WAIT = {
  /** After a call that ended early. */
  afterFailureMs: 2 * SECOND_MS,
  /** Longest wait for users in flight. */
  maxDrainMs: 20 * SECOND_MS,
  /** Longest single wait for the quota: a pause may be lifted by hand, and the contract raised. */
  maxQuotaMs: MAX_HIDDEN_MS,
  /** Added to a reset, so that it has passed by every clock. */
  afterResetMs: 5 * SECOND_MS,
  /** Longest that the tags of a user wait for those of others. Shorter than `idleMs`, so that no run gives up on them. */
  tagsMs: 10 * MINUTE_MS,
  /** How long the last tags of a run wait for users in flight. */
  lastTagsMs: 30 * SECOND_MS,
  /** The run does not wait for a failing tag job when none of its users was done for this long. */
  tagJobMs: MINUTE_MS,
  /** The run no longer waits for users when none was done for this long. */
  idleMs: 15 * MINUTE_MS,
  /** A recorded failure counts for this long: a message that still fails is tried, and recorded, again before. */
  failureMs: MAX_RETRY_INTERVAL_MS + 4.5 * MINUTE_MS,
} as const;

// Other functions

/** How long DynamoDB Streams keeps a record, and diff-user retries it (Amazon DynamoDB, "Change data capture for DynamoDB Streams"). */
export const STREAM_RETENTION_MS = DAY_MS;

/**
 * Requests to the CRM's token endpoint. Only what cannot have used up the single-use refresh token is repeated; Secrets Manager repeats the
 * rotation.
 */
export const TOKEN_REQUEST = {
  timeoutMs: 15 * SECOND_MS,
  retries: 2,
  /** Statuses that say that the request was not handled. */
  statusCodes: [429, 503],
  maxDelayMs: 10 * SECOND_MS,
} as const;

/** Attempts of the SDK to store a new token pair, which would be lost: for as long as rotate-token may run. */
export const STORE_TOKENS_ATTEMPTS = 12;

/**
 * Retries by EventBridge Scheduler. The next health check is due sooner than a retry would help; the refresh and the full listing are
 * daily.
 */
export const SCHEDULE_RETRIES = { dailyRefresh: 3, healthCheck: 0, poll: 3 } as const;
