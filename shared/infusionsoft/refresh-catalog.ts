import { Rejected, Retryable } from '../sync/errors.ts';
import type { Needs } from '../user/needs.ts';
import type { ArrayMode } from './catalog.ts';
import { type Catalog, catalogKey, catalogOf, knowsArrays } from './catalog.ts';
import type { InfusionsoftClient } from './client.ts';
import { NotFound } from './failures.ts';
import { learnArrays } from './learn-arrays.ts';
import { readAccount } from './read-account.ts';

/**
 * Reads the ids of all that the mapping asks for from the CRM, and creates what is missing. Only one caller at a time may do this,
 * since two would create everything twice: see `catalog-source.ts`.
 *
 * @param now epoch milliseconds.
 * @param previous the catalog so far: what it knows of the arrays is kept as long as that is valid.
 * @throws Rejected or Retryable, as the client does. What was created by then is found by the next refresh.
 */
export async function refreshCatalog(
  client: InfusionsoftClient,
  needs: Needs,
  now: number,
  previous?: Catalog,
): Promise<Catalog> {
  const account = await readAccount(client, needs, { create: true });
  const catalog = catalogOf(account, needs, now);
  if (previous && knowsArrays(previous, now)) return { ...catalog, arrays: previous.arrays };
  const texts = needs.customFields.filter(({ type }) => type === 'Text').map(({ label }) => label);
  const usable = texts.filter((label) => !catalog.unusable.includes(`custom_fields.${label}`));
  const mode = await tryToLearn(
    client,
    usable.map((label) => catalog.customFields[catalogKey(label)] ?? 0),
  );
  return { ...catalog, arrays: { ...(mode && { mode }), learnedAt: catalog.refreshedAt } };
}

/**
 * An account that does not let the experiment be made, or that answers too slowly for it, is written to with care: whole arrays are read
 * and sent.
 */
async function tryToLearn(
  client: InfusionsoftClient,
  customFieldIds: readonly number[],
): Promise<ArrayMode | undefined> {
  try {
    return await learnArrays(client, customFieldIds);
  } catch (error) {
    if (error instanceof Rejected || error instanceof Retryable || error instanceof NotFound)
      return undefined;
    throw error;
  }
}
