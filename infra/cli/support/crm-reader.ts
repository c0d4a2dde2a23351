import { randomBytes } from 'node:crypto';
import { Logger } from '@aws-lambda-powertools/logger';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { quotaTracker } from '../../../lambdas/sync-contact/quota-tracker.ts';
import { secretCredentials } from '../../../shared/infusionsoft/auth/credentials.ts';
import { type InfusionsoftClient, infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { circuitBreaker } from '../../../shared/infusionsoft/http/circuit-breaker.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import { pacedFetch } from '../../../shared/infusionsoft/http/paced-fetch.ts';
import { PausedError, requestGate } from '../../../shared/infusionsoft/http/request-gate.ts';
import { type ResourceReader, resourceReader } from '../../../shared/infusionsoft/resources/reader.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import { leasedLimiter } from '../../../shared/quota/leased-limiter.ts';
import { rateOf } from '../../../shared/quota/limits.ts';
import type { RateLimiter } from '../../../shared/quota/rate-limiter.ts';
import { marginOf } from '../../../shared/quota/remaining-quota.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { namedProperties } from '../../../shared/user/contact-fields.ts';
import { awsClock } from './aws-clock.ts';
import type { Outputs } from './connect.ts';
import { quotaSettingsFrom } from './quota-report.ts';
import { waitingForMinute } from './wait-for-minute.ts';

/** Default rate that a command takes from the sync, in requests a second. */
export const DEFAULT_RATE = 2;
/** Longest that one request may take, in milliseconds. */
const REQUEST_MS = 60_000;
/** How often a command checks whether requests are paused, in milliseconds. */
const PAUSE_CHECK_MS = 5000;

export interface OperatorCrmOptions {
  /** Requests a second. */
  rate?: number | undefined;
  /** Whether to stop when only the reserve for live changes is left, as a backfill does. For commands that make many requests. */
  stopsAtReserve?: boolean;
  /** See `ReaderOptions`. */
  onMismatch?: (where: string) => void;
}

/** Access to the CRM for a command. */
export interface OperatorCrm {
  /**
   * Runs work that makes requests. Their rate is leased from the sync, and given back afterwards. They are counted in the request ledger,
   * and none is made during a pause.
   *
   * @throws PausedError, which says when requests are possible again; RetryableError or RejectedError, as the client does.
   */
  use<Result>(work: (client: InfusionsoftClient, reader: ResourceReader) => Promise<Result>): Promise<Result>;
  /** Requests made so far. */
  requests(): number;
}

/** Creates access to the CRM of a stack, with its credentials. */
export function operatorCrm(
  outputs: Pick<Outputs, 'get'>,
  dynamodb: DynamoDBClient,
  { rate = DEFAULT_RATE, stopsAtReserve = false, onMismatch }: OperatorCrmOptions = {},
): OperatorCrm {
  const settings = quotaSettingsFrom(outputs.get('QuotaSettings'));
  const table = syncTable(dynamodb, outputs.get('SyncTableName'));
  const now = awsClock(dynamodb);
  const gate = requestGate(marginOf(settings.limits));
  const quota = quotaTracker({
    store: table.ledger,
    gate,
    budget: settings,
    block: 1,
    logger: new Logger({ logLevel: 'SILENT' }),
    now,
  });
  const lease = leasedLimiter({
    store: table.slots,
    id: randomBytes(4).toString('hex'),
    rate,
    requestsPerWindow: rateOf(settings.limits),
    windowMs: 1000 + settings.windowSlackMs,
  });
  let checkedAt = Number.NEGATIVE_INFINITY;
  const checkPause = async (): Promise<void> => {
    checkedAt = performance.now();
    const { backfillPausedUntil: until } = await quota.refresh();
    if (stopsAtReserve && until !== undefined) throw reserveReached(until, now());
  };
  const rateLimiter: RateLimiter = {
    async acquireSlot(deadline) {
      if (performance.now() - checkedAt >= PAUSE_CHECK_MS) {
        await quota.recordUsage();
        await checkPause();
      }
      await lease.acquireSlot(deadline);
    },
  };
  let requests = 0;
  const url = outputs.get('CrmUrl');
  const paced = pacedFetch({
    rateLimiter: quota.limit(rateLimiter),
    credentials: secretCredentials(outputs.get('SecretArn'), { now }),
    gate,
    breaker: circuitBreaker(),
    deadline: () => now() + REQUEST_MS,
    onRequest: () => {
      requests++;
    },
    now,
  });
  const fetch = waitingForMinute(paced, quota.refresh);
  const client = infusionsoftClient({ url, fetch, now });
  const reader = resourceReader({ url, fetch, now, ...(onMismatch && { onMismatch }) });
  return {
    async use(work) {
      await checkPause();
      try {
        return await work(client, reader);
      } finally {
        await quota.recordUsage();
        await lease.release();
      }
    },
    requests: () => requests,
  };
}

function reserveReached(until: number, now: number): PausedError {
  return new PausedError(
    'backfill',
    `The quota that commands may use is spent; the rest is reserved for live changes. It resets at ${new Date(until).toISOString()}`,
    until - now,
  );
}

/**
 * Reads a contact with all that the sync may write, from the CRM directly: the response contains personal data, which must not go through
 * the queue or the sync's table.
 *
 * @returns the contact with the id, or else the oldest contact with the email; undefined when there is none.
 * @throws RetryableError or RejectedError, as the client does.
 */
export async function readContactOf(
  { contactId, email }: { contactId: number | undefined; email: string | undefined },
  outputs: Pick<Outputs, 'get'>,
  dynamodb: DynamoDBClient,
): Promise<Contact | undefined> {
  return operatorCrm(outputs, dynamodb).use(async (client) => {
    const properties = namedProperties(await client.listOptionalProperties());
    const read = (id: number) => byId(client, id, properties);
    return (contactId && (await read(contactId))) || (email ? await byEmail(client, email, read) : undefined);
  });
}

async function byId(
  client: InfusionsoftClient,
  contactId: number,
  properties: readonly string[],
): Promise<Contact | undefined> {
  try {
    return await client.readContact(contactId, properties);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** A search does not return tags, so the contact is read after it. */
async function byEmail(
  client: InfusionsoftClient,
  email: string,
  read: (contactId: number) => Promise<Contact | undefined>,
): Promise<Contact | undefined> {
  const oldest = (await client.findContactsByEmail(email)).sort((a, b) => a.id - b.id)[0];
  return oldest && read(oldest.id);
}
