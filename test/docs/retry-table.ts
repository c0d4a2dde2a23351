import {
  ARRAY_MODES_RETRY_MS,
  AWS_REQUEST_TIMEOUT_MS,
  BACKFILL_HIDDEN_MS,
  BACKFILL_STEP_RETRY,
  BACKFILL_WAIT,
  CALLBACK_RETRY,
  CIRCUIT_BREAKER,
  CLOUD_BACKOFF,
  CONFLICT,
  CONTACT_FAULT,
  CREDENTIALS_RETRY,
  GONE_AFTER_MS,
  LEASE_RETRY,
  MAX_HIDDEN_MS,
  MAX_RECEIVE_COUNT,
  MESSAGE_BACKOFF,
  MESSAGE_RETENTION_MS,
  NO_SLOT_MS,
  OUT_OF_TIME_MS,
  POLL_TIME,
  POSTPONED_AFTER,
  PUBLISH_RETRY,
  RATE_LEASE,
  REQUEST_RETRY,
  SCHEDULE_RETRIES,
  SOON_DELIVERIES,
  SPIKE_BACKOFF,
  STORE_TOKENS_ATTEMPTS,
  STREAM_RETENTION_MS,
  TOKEN_REQUEST,
  UNCERTAIN_WRITE_MS,
  VERSIONED_WRITE,
  VISIBILITY_MS,
} from '../../shared/quota/retry-policy.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How one kind of failure is retried, as text. */
export interface RetryRow {
  failure: string;
  /** Statuses of the CRM's answer. */
  statuses?: readonly number[];
  /** Name of the error in logs. */
  error?: string;
  /** Retries in the same invocation. */
  inInvocation: string;
  /** When the message, step or record is retried. */
  later: string;
}

/** The policy as a table for people: the rows of docs/retries.md. */
export function retryTable(): { consumer: RetryRow[]; others: RetryRow[] } {
  const { limit, firstDelayMs, maxDelayMs } = REQUEST_RETRY;
  const retries = `${limit} retries after up to ${span(firstDelayMs)}, doubling`;
  const backoff = `after ${span(MESSAGE_BACKOFF.firstMs)}, doubling up to ${span(MESSAGE_BACKOFF.maxMs)}`;
  const { failures, firstRestMs, maxRestMs } = CIRCUIT_BREAKER;
  const untilReset = `at the reset, or after ${span(MAX_HIDDEN_MS)} if that is sooner`;
  return {
    consumer: [
      {
        failure: 'The CRM fails with a message for a contact',
        statuses: [500],
        error: 'ContactFaultError',
        inInvocation: 'no retry: it may be the fault of the contact',
        later: `${backoff}, and ${after(UNCERTAIN_WRITE_MS)} at least for one that may create it; a dead letter at the ${ordinal(CONTACT_FAULT.deliveries)} delivery that counts. A delivery counts ${span(CONTACT_FAULT.apartMs)} after the last that counted, if the CRM has accepted a change of another user in between`,
      },
      {
        failure: 'The CRM fails otherwise',
        statuses: [408, 500, 502, 503, 504],
        error: 'UncertainError',
        inInvocation: `${retries}; a 503 after its \`Retry-After\`, up to ${span(maxDelayMs)}`,
        later: backoff,
      },
      {
        failure: 'No answer, or an unusable one',
        error: 'UncertainError',
        inInvocation: `${retries} if the connection failed; otherwise no retry`,
        later: `${backoff}; a write of a contact or its tags ${after(UNCERTAIN_WRITE_MS)}, since it may still be running`,
      },
      {
        failure: 'Both, for the creation of a contact or company',
        error: 'UncertainError',
        inInvocation: 'no retry: it may still be running, and two at once can create two',
        later: after(UNCERTAIN_WRITE_MS),
      },
      {
        failure: `The CRM is down: ${failures} failures in a row in one environment, those for one user's contact counted once`,
        error: 'CrmDownError',
        inInvocation: `the environment makes no requests for ${span(firstRestMs)}, doubling up to ${span(maxRestMs)}, then one probe`,
        later: `when the environment may make requests again, but at least ${backoff}`,
      },
      {
        failure: 'Spike arrest: the limit of the second is exceeded',
        statuses: [429],
        error: 'RetryableError',
        inInvocation: `${retries}, or after \`Retry-After\`, up to ${span(maxDelayMs)}. After two within ${span(SPIKE_BACKOFF.withinMs)}, the environment makes no requests for ${span(SPIKE_BACKOFF.restMs)} to ${span(2 * SPIKE_BACKOFF.restMs)}`,
        later: backoff,
      },
      {
        failure: 'A limit that the CRM does not name is exceeded, such as that of the whole account',
        statuses: [429],
        error: 'RetryableError',
        inInvocation:
          'no retry. It counts as a failure of the CRM: after several, the environment makes no requests',
        later: backoff,
      },
      {
        failure: 'The quota of the minute, day or month is spent, or an operator has paused all requests',
        statuses: [429],
        error: 'RetryableError, PausedError',
        inInvocation: 'no retry: no environment makes requests until the reset',
        later: untilReset,
      },
      {
        failure: 'The quota of backfills and polls is spent',
        error: 'PausedError',
        inInvocation: 'no retry',
        later: `at the reset, or after ${span(BACKFILL_HIDDEN_MS)} if that is sooner, since live changes of the user wait behind it; after ${SOON_DELIVERIES} deliveries, after ${span(MESSAGE_BACKOFF.maxMs)}`,
      },
      {
        failure: 'The CRM refuses the credentials',
        statuses: [401],
        error: 'RetryableError',
        inInvocation: `the secret is read again, and the request is repeated if the credentials have changed. Refused ones are not used for ${span(CREDENTIALS_RETRY.firstRefusalMs)}, doubling up to ${span(CREDENTIALS_RETRY.maxRefusalMs)}`,
        later: backoff,
      },
      {
        failure: 'The account does not allow the request',
        statuses: [403],
        error: 'ForbiddenError',
        inInvocation: 'no retry',
        later: backoff,
      },
      {
        failure: 'The contact or tag does not exist',
        statuses: [404],
        error: 'NotFoundError',
        inInvocation: 'a tag is created again',
        later: `${after(GONE_AFTER_MS)}: a contact that does not exist then either is found by the email, or created again`,
      },
      {
        failure: 'Another user has the email or the contact',
        error: 'ConflictWaitError',
        inInvocation: 'no retry',
        later: `${after(CONFLICT.firstMs)}, doubling up to ${span(CONFLICT.maxMs)}; a dead letter when neither user has changed for ${span(CONFLICT.limitMs)}`,
      },
      {
        failure: 'The CRM refuses the request',
        statuses: [400, 409, 422],
        error: 'RejectedError',
        inInvocation: 'no retry',
        later: 'never: the message becomes a dead letter at once',
      },
      {
        failure: 'No request slot before the end of the invocation',
        error: 'OutOfTimeError',
        inInvocation: 'no retry',
        later: after(NO_SLOT_MS),
      },
      {
        failure: 'Too little time for a request; for a retry, the failure before it counts',
        error: 'OutOfTimeError',
        inInvocation: 'no retry',
        later: after(OUT_OF_TIME_MS),
      },
      {
        failure: 'DynamoDB, SQS or Secrets Manager fails or throttles',
        error: 'CloudError',
        inInvocation: `attempts of the SDK with a time-out of ${span(AWS_REQUEST_TIMEOUT_MS)}; up to ${VERSIONED_WRITE.attempts} conditional writes of a shared item`,
        later: `after ${span(MESSAGE_BACKOFF.firstMs)}, doubling up to ${span(CLOUD_BACKOFF.maxMs)}; up to ${span(MESSAGE_BACKOFF.maxMs)} after ${SOON_DELIVERIES} deliveries`,
      },
      {
        failure: 'Another invocation works on the user, the company, the users of a tag job, or the claim',
        error: 'RetryableError',
        inInvocation: 'no retry',
        later: `after ${[LEASE_RETRY.userMs, LEASE_RETRY.companyMs, LEASE_RETRY.tagJobMs, LEASE_RETRY.claimMs].map(span).join(', ')}, respectively`,
      },
      {
        failure: 'Another environment reads the catalog',
        error: 'RetryableError',
        inInvocation: `waits up to ${span(LEASE_RETRY.catalogWaitMs)}`,
        later: after(LEASE_RETRY.catalogMs),
      },
      {
        failure: 'The invocation dies or times out',
        inInvocation: '–',
        later: `after ${span(VISIBILITY_MS)}, the visibility time-out`,
      },
      {
        failure: 'Any of these, repeatedly',
        inInvocation: `after ${POSTPONED_AFTER} deliveries, the user is recorded as postponed, and a backfill no longer waits for it`,
        later: `until the message is ${span(MESSAGE_RETENTION_MS)} old, after ${SOON_DELIVERIES} deliveries as after a failure of the CRM. The limit of ${MAX_RECEIVE_COUNT.toLocaleString('en')} deliveries is not reached before`,
      },
    ],
    others: [
      {
        failure: 'The array modes of the account cannot be detected (sync-contact)',
        inInvocation: 'no retry: users are synced without them',
        later: after(ARRAY_MODES_RETRY_MS),
      },
      {
        failure: 'The account refuses to create a field, tag or lead source (400, 403, 404; sync-contact)',
        inInvocation: 'no retry: users are synced without it',
        later:
          'at the next refresh of the catalog: weekly, for a new mapping, for a tag that is gone, or with `catalog --create`',
      },
      {
        failure: 'diff-user cannot send a change of the user table',
        inInvocation: 'attempts of the SDK',
        later: `by the event source, for the ${span(STREAM_RETENTION_MS)} that the stream keeps it; then its position becomes a dead letter (\`replay\`)`,
      },
      {
        failure: 'A step of the backfill fails',
        inInvocation: 'attempts of the SDK',
        later: `after ${span(BACKFILL_WAIT.afterFailureMs)} if its progress is known, otherwise up to ${BACKFILL_STEP_RETRY.maxAttempts} retries by Step Functions after up to ${span(BACKFILL_STEP_RETRY.intervalMs)}, doubling up to ${span(BACKFILL_STEP_RETRY.maxDelayMs)}`,
      },
      {
        failure: 'The quota of a backfill is spent',
        inInvocation: 'no retry',
        later: `at the reset, or after ${span(BACKFILL_WAIT.maxQuotaMs)} if that is sooner`,
      },
      {
        failure: 'Other commands have leased all of the rate that commands may take',
        inInvocation: `the command looks again every ${span(RATE_LEASE.lookAgainMs)}, for ${span(2 * RATE_LEASE.ms)}: the lease of a command that died ends after ${span(RATE_LEASE.ms)}`,
        later: 'when a person runs it again',
      },
      {
        failure: 'rotate-token cannot renew the tokens',
        inInvocation: `${TOKEN_REQUEST.retries} retries of a request that the CRM did not handle (${TOKEN_REQUEST.statusCodes.join(', ')}, no connection), up to ${span(TOKEN_REQUEST.maxDelayMs)} apart; ${STORE_TOKENS_ATTEMPTS} attempts to store a new pair`,
        later: 'by Secrets Manager, which repeats the rotation',
      },
      {
        failure: 'The daily refresh does not start',
        inInvocation: '–',
        later: `${SCHEDULE_RETRIES.dailyRefresh} retries by EventBridge Scheduler`,
      },
      {
        failure: 'A poll of the CRM does not start',
        inInvocation: '–',
        later: `${SCHEDULE_RETRIES.poll} retries by EventBridge Scheduler; the next poll reads what it missed`,
      },
      {
        failure: 'The bus does not accept events about changes in the CRM (sync-contact)',
        inInvocation: `${PUBLISH_RETRY.attempts} attempts, after ${span(PUBLISH_RETRY.firstDelayMs)}, doubling`,
        later:
          'the message of the poll returns as after a failure of DynamoDB or SQS, and continues with the page whose events were not accepted',
      },
      {
        failure: 'A poll of the CRM is not complete',
        inInvocation: `reads pages for ${span(POLL_TIME.sliceMs)}`,
        later: 'at once, by a message that continues it',
      },
      {
        failure: 'The callback of the app does not accept an event (send-callback)',
        inInvocation: 'no retry',
        later: `after ${CALLBACK_RETRY.delaysMs.slice(0, 5).map(span).join(', ')}, then hourly: ${CALLBACK_RETRY.delaysMs.length} retries over a day; then it becomes a dead letter (\`events --redrive\`)`,
      },
      {
        failure: 'A health check fails',
        inInvocation: 'attempts of the SDK',
        later: `${SCHEDULE_RETRIES.healthCheck} retries by EventBridge Scheduler: the next check follows soon, and an alarm reports missing ones`,
      },
    ],
  };
}

const ordinal = (number: number): string => ['first', 'second', 'third'][number - 1] ?? `${number}th`;

const after = (ms: number): string => (ms === 0 ? 'at once' : `after ${span(ms)}`);

/** @example span(300) // → '0.3 s'; span(1_320_000) // → '22 min' */
function span(ms: number): string {
  if (ms >= DAY_MS && ms % DAY_MS === 0 && ms > DAY_MS) return `${ms / DAY_MS} days`;
  if (ms >= HOUR_MS) return `${ms / HOUR_MS} h`;
  if (ms >= 3 * MINUTE_MS || (ms >= MINUTE_MS && ms % MINUTE_MS === 0)) return `${ms / MINUTE_MS} min`;
  return `${ms / SECOND_MS} s`;
}
