import { ARRAY_MODE_RETRY_MS } from '../../quota/retry-policy.ts';
import { RejectedError, RetryableError } from '../../sync/errors.ts';
import type { Requirements } from '../../user/requirements.ts';
import { NotFoundError } from '../http/failures.ts';
import { type Catalog, catalogKey, catalogOf, isArrayModeKnown } from './catalog.ts';
import { type ArrayModeOptions, detectArrayMode } from './detect-array-mode.ts';
import { resolveRequirements } from './resolve-requirements.ts';

export interface RefreshCatalogOptions extends Omit<ArrayModeOptions, 'customFieldIds'> {
  requirements: Requirements;
  /** Epoch milliseconds. */
  now: number;
  /** The last catalog. Its array mode is kept while it is valid. */
  previous?: Catalog | undefined;
}

/**
 * Reads the catalog from the CRM, and creates what is missing. Only one caller at a time may do this, since two would create everything
 * twice: see `catalog-source.ts`.
 *
 * @throws RejectedError or RetryableError, as the client does. The next refresh finds what was created before the error.
 */
export async function refreshCatalog(options: RefreshCatalogOptions): Promise<Catalog> {
  const { client, requirements, now, previous } = options;
  const account = await resolveRequirements(client, requirements, { create: true });
  const catalog = catalogOf(account, requirements, now);
  if (previous && isArrayModeKnown(previous, now)) return { ...catalog, arrays: previous.arrays };
  const texts = requirements.customFields.filter(({ type }) => type === 'Text').map(({ label }) => label);
  const usable = texts.filter((label) => !catalog.unusable.includes(`custom_fields.${label}`));
  const customFieldIds = usable.map((label) => catalog.customFields[catalogKey(label)] ?? 0);
  const detected = await tryToDetect({ ...options, customFieldIds }, now);
  return { ...catalog, arrays: { ...detected, learnedAt: catalog.refreshedAt } };
}

/** Detects the array mode. If that fails, users are synced without it: the sync then reads and writes whole arrays. */
async function tryToDetect(
  options: ArrayModeOptions,
  now: number,
): Promise<Pick<NonNullable<Catalog['arrays']>, 'mode' | 'retryAt'>> {
  const retryAt = new Date(now + ARRAY_MODE_RETRY_MS).toISOString();
  try {
    const mode = await detectArrayMode(options);
    return mode ? { mode } : { retryAt };
  } catch (error) {
    if (error instanceof RejectedError || error instanceof RetryableError || error instanceof NotFoundError)
      return { retryAt };
    throw error;
  }
}
