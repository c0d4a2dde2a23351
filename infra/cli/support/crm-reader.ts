import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { pacedClient } from '../../../lambdas/sync-contact/consumer.ts';
import { quotaTracker } from '../../../lambdas/sync-contact/quota-tracker.ts';
import { secretCredentials } from '../../../shared/infusionsoft/auth/credentials.ts';
import type { InfusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import { requestGate } from '../../../shared/infusionsoft/http/request-gate.ts';
import type { Contact } from '../../../shared/infusionsoft/schemas.ts';
import type { RateLimiter } from '../../../shared/quota/rate-limiter.ts';
import { marginOf } from '../../../shared/quota/remaining-quota.ts';
import type { SyncTable } from '../../../shared/store/sync-table.ts';
import type { Outputs } from './connect.ts';
import { quotaSettingsFrom } from './quota-report.ts';

/**
 * One request a second. It reserves no slots of the sync: the clock of this machine may be wrong, and slots reserved in the future would
 * delay all environments.
 */
const ONE_A_SECOND: RateLimiter = { acquireSlot: () => sleep(1000) };
/** Deadline of one call of `use`, in milliseconds. */
const DEADLINE_MS = 60_000;

/** Access to the CRM for a command. */
export interface OperatorCrm {
  /**
   * Runs work that makes a few requests, one a second. They are counted in the quota's ledger, and none is made during a pause.
   *
   * @throws RetryableError or RejectedError, as the client does.
   */
  use<Result>(work: (client: InfusionsoftClient) => Promise<Result>): Promise<Result>;
  /** Requests made so far. */
  requests(): number;
}

/** Creates access to the CRM of a stack, with its credentials. */
export function operatorCrm(outputs: Outputs, store: SyncTable): OperatorCrm {
  const budget = quotaSettingsFrom(outputs.get('QuotaSettings'));
  const gate = requestGate(marginOf(budget.limits));
  const quota = quotaTracker({
    store: store.ledger,
    gate,
    budget,
    block: 1,
    logger: new Logger({ logLevel: 'SILENT' }),
    now: Date.now,
  });
  let deadline = 0;
  let requests = 0;
  const connect = pacedClient({
    url: outputs.get('CrmUrl'),
    credentials: secretCredentials(outputs.get('SecretArn')),
    rateLimiter: ONE_A_SECOND,
  });
  const client = connect({
    gate,
    limit: quota.limit,
    deadline: () => deadline,
    onRequest: () => {
      requests++;
    },
  });
  return {
    async use(work) {
      deadline = Date.now() + DEADLINE_MS;
      await quota.refresh();
      try {
        return await work(client);
      } finally {
        await quota.recordUsage();
      }
    },
    requests: () => requests,
  };
}

/**
 * Reads a contact from the CRM directly: the response contains personal data, which must not go through the queue or the sync's table.
 *
 * @returns the contact with the id, or else the oldest contact with the email; undefined when there is none.
 * @throws RetryableError or RejectedError, as the client does.
 */
export async function readContactOf(
  { contactId, email }: { contactId: number | undefined; email: string | undefined },
  outputs: Outputs,
  store: SyncTable,
): Promise<Contact | undefined> {
  return operatorCrm(outputs, store).use(
    async (client) =>
      (contactId && (await byId(client, contactId))) || (email ? await byEmail(client, email) : undefined),
  );
}

async function byId(client: InfusionsoftClient, contactId: number): Promise<Contact | undefined> {
  try {
    return await client.readContact(contactId);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** A search does not return tags, so the contact is read after it. */
async function byEmail(client: InfusionsoftClient, email: string): Promise<Contact | undefined> {
  const oldest = (await client.findContactsByEmail(email)).sort((a, b) => a.id - b.id)[0];
  return oldest && byId(client, oldest.id);
}
