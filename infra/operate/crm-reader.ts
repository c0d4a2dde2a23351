import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { quotaKeeper } from '../../lambdas/sync-contact/quota-keeper.ts';
import { circuitBreaker } from '../../shared/infusionsoft/circuit-breaker.ts';
import { type InfusionsoftClient, infusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { secretCredentials } from '../../shared/infusionsoft/credentials.ts';
import { NotFound } from '../../shared/infusionsoft/failures.ts';
import { pacedFetch } from '../../shared/infusionsoft/paced-fetch.ts';
import { requestGate } from '../../shared/infusionsoft/request-gate.ts';
import type { Contact } from '../../shared/infusionsoft/schemas.ts';
import type { SharedPace } from '../../shared/quota/shared-pace.ts';
import { marginOf } from '../../shared/quota/standing.ts';
import type { SyncTable } from '../../shared/store/sync-table.ts';
import type { Outputs } from './connect.ts';
import { quotaSettingsFrom } from './quota-report.ts';

/**
 * One request a second. Not in turn with the sync's: the clock of a person's machine may be wrong, and starts that it took in the future would
 * hold up all environments.
 */
const UNHURRIED: SharedPace = {
  turn: () => sleep(1000),
  refused() {},
};
/** How long this process waits for the CRM, in milliseconds: it makes three requests at most. */
const DEADLINE_MS = 60_000;

/**
 * Reads a contact for a person who wants to see it. The only requests to the CRM that the sync does not make itself: its answers hold
 * data of a person, which may not go through the queue or the sync's table. They are counted in the ledger, and keep to its pauses.
 *
 * @returns the contact with the id, or else the oldest with the email, whole; undefined where there is none.
 * @throws Retryable or Rejected, as the client does.
 */
export async function readContactOf(
  { contactId, email }: { contactId: number | undefined; email: string | undefined },
  outputs: Outputs,
  store: SyncTable,
): Promise<Contact | undefined> {
  const budget = quotaSettingsFrom(outputs.get('QuotaSettings'));
  const gate = requestGate(marginOf(budget.limits));
  const quota = quotaKeeper({
    store: store.ledger,
    gate,
    budget,
    logger: new Logger({ logLevel: 'SILENT' }),
    now: Date.now,
  });
  const deadline = Date.now() + DEADLINE_MS;
  const client = infusionsoftClient({
    url: outputs.get('CrmUrl'),
    fetch: pacedFetch({
      pace: UNHURRIED,
      credentials: secretCredentials(outputs.get('SecretArn')),
      gate,
      breaker: circuitBreaker(),
      deadline: () => deadline,
      onRequest: () => {},
    }),
  });
  await quota.open();
  try {
    return (
      (contactId && (await byId(client, contactId))) || (email ? await byEmail(client, email) : undefined)
    );
  } finally {
    await quota.close();
  }
}

async function byId(client: InfusionsoftClient, contactId: number): Promise<Contact | undefined> {
  try {
    return await client.readContact(contactId);
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
}

/** A search does not tell the tags. */
async function byEmail(client: InfusionsoftClient, email: string): Promise<Contact | undefined> {
  const oldest = (await client.findContactsByEmail(email)).sort((a, b) => a.id - b.id)[0];
  return oldest && byId(client, oldest.id);
}
