import { ARRAY_EXPERIMENT_RETRY_MS } from '../../quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../../sync/errors.ts';
import type { Requirements } from '../../user/requirements.ts';
import { NotFoundError } from '../http/failures.ts';
import { type Catalog, catalogKey, catalogOf, knowsArrays } from './catalog.ts';
import { type ArrayExperiment, learnArrays } from './learn-arrays.ts';
import { readAccount } from './read-account.ts';

export interface RefreshCatalogOptions extends Omit<ArrayExperiment, 'customFieldIds'> {
  needs: Requirements;
  /** Epoch milliseconds. */
  now: number;
  /** The catalog so far: what it knows of the arrays is kept as long as that is valid. */
  previous?: Catalog | undefined;
}

/**
 * Reads the ids of all that the mapping asks for from the CRM, and creates what is missing. Only one caller at a time may do this,
 * since two would create everything twice: see `catalog-source.ts`.
 *
 * @throws RejectedError or RetryableError, as the client does. What was created by then is found by the next refresh.
 */
export async function refreshCatalog(options: RefreshCatalogOptions): Promise<Catalog> {
  const { client, needs, now, previous } = options;
  const account = await readAccount(client, needs, { create: true });
  const catalog = catalogOf(account, needs, now);
  if (previous && knowsArrays(previous, now)) return { ...catalog, arrays: previous.arrays };
  const texts = needs.customFields.filter(({ type }) => type === 'Text').map(({ label }) => label);
  const usable = texts.filter((label) => !catalog.unusable.includes(`custom_fields.${label}`));
  const customFieldIds = usable.map((label) => catalog.customFields[catalogKey(label)] ?? 0);
  const learned = await tryToLearn({ ...options, customFieldIds }, now);
  return { ...catalog, arrays: { ...learned, learnedAt: catalog.refreshedAt } };
}

/**
 * An account that does not let the experiment be made, or that answers too slowly for it, is written to with care: whole arrays are read
 * and sent.
 */
async function tryToLearn(
  experiment: ArrayExperiment,
  now: number,
): Promise<Pick<NonNullable<Catalog['arrays']>, 'mode' | 'retryAt'>> {
  try {
    const mode = await learnArrays(experiment);
    return mode ? { mode } : { retryAt: new Date(now + ARRAY_EXPERIMENT_RETRY_MS).toISOString() };
  } catch (error) {
    if (error instanceof RejectedError || error instanceof RetryableError || error instanceof NotFoundError)
      return { retryAt: new Date(now + ARRAY_EXPERIMENT_RETRY_MS).toISOString() };
    throw error;
  }
}
