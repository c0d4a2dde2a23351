import { ARRAY_MODES_RETRY_MS, UNCERTAIN_WRITE_MS } from '../../quota/retry-policy.ts';
import type { ProbeRecord } from '../../store/sync-table.ts';
import { RejectedError, RetryableError } from '../../sync/errors.ts';
import type { Requirements } from '../../user/requirements.ts';
import type { InfusionsoftClient } from '../client.ts';
import { NotFoundError } from '../http/failures.ts';
import { areArrayModesKnown, type Catalog, catalogKey, catalogOf } from './catalog.ts';
import { type ArrayModeOptions, detectArrayModes, type ProbeRecords } from './detect-array-modes.ts';
import { validProvinces } from './provinces.ts';
import { resolveRequirements } from './resolve-requirements.ts';

export interface RefreshCatalogOptions extends Omit<ArrayModeOptions, 'customFieldIds' | 'probe' | 'client'> {
  requirements: Requirements;
  client: InfusionsoftClient;
  records: ProbeRecords & { readProbe(): Promise<ProbeRecord | undefined> };
  /** Epoch milliseconds. */
  now: number;
  /** The last catalog. Its array modes and its provinces are kept while they are valid. */
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
  const catalog = {
    ...catalogOf(account, requirements, now),
    ...(previous?.provinces && { provinces: validProvinces(previous, now) }),
  };
  if (previous && areArrayModesKnown(previous, now)) return { ...catalog, arrays: previous.arrays };
  const texts = requirements.customFields.filter(({ type }) => type === 'Text').map(({ label }) => label);
  const usable = texts.filter((label) => !catalog.unusable.includes(`custom_fields.${label}`));
  const customFieldIds = usable.map((label) => catalog.customFields[catalogKey(label)] ?? 0);
  const probe = await options.records.readProbe();
  const detected = await tryToDetect({ ...options, customFieldIds, probe });
  return { ...catalog, arrays: { ...detected, learnedAt: catalog.refreshedAt } };
}

/** Detects the array modes. If that fails, users are synced without them: the sync then reads and writes whole arrays. */
async function tryToDetect(
  options: ArrayModeOptions,
): Promise<Pick<NonNullable<Catalog['arrays']>, 'modes' | 'retryAt'>> {
  const { probe, now } = options;
  // The last request of an environment that has died may still be running.
  const isBusyUntil = probe?.startedAt ? Date.parse(probe.startedAt) + UNCERTAIN_WRITE_MS : now;
  if (isBusyUntil > now) return { retryAt: new Date(isBusyUntil).toISOString() };
  const retryAt = new Date(now + ARRAY_MODES_RETRY_MS).toISOString();
  try {
    const modes = await detectArrayModes(options);
    return modes ? { modes } : { retryAt };
  } catch (error) {
    if (error instanceof RejectedError || error instanceof RetryableError || error instanceof NotFoundError)
      return { retryAt };
    throw error;
  }
}
