import type { DesiredState } from '../../sync/desired-state.ts';
import { RejectedError } from '../../sync/errors.ts';
import { ADDRESS_FIELDS, addressIn } from '../../user/contact-fields.ts';
import type { InfusionsoftClient } from '../client.ts';
import { ForbiddenError, NotFoundError } from '../http/failures.ts';
import type { Catalog } from './catalog.ts';

/** The provinces of a country, as the catalog has them. */
export type CountryProvinces = NonNullable<Catalog['provinces']>[string];

/** How long a list is used, in milliseconds. */
const VALID_MS = 30 * 24 * 3_600_000;

/** The lists of a catalog that are still valid. @param now epoch milliseconds. */
export const validProvinces = (
  { provinces = {} }: Pick<Catalog, 'provinces'>,
  now: number,
): Record<string, CountryProvinces> =>
  Object.fromEntries(
    Object.entries(provinces).filter(([, { readAt }]) => now < Date.parse(readAt) + VALID_MS),
  );

/** Countries of a user's addresses with a region. */
export const countriesOf = ({ fields }: DesiredState): string[] => [
  ...new Set(
    ADDRESS_FIELDS.flatMap((field) => {
      const { region, country_code: country } = addressIn(fields[field]);
      return region && country ? [country] : [];
    }),
  ),
];

/**
 * Reads the provinces of a country. For a country that the account does not know, or does not let us read, there are none.
 *
 * @param now epoch milliseconds.
 * @throws RetryableError, as the client does.
 */
export async function readProvinces(
  client: Pick<InfusionsoftClient, 'listProvinces'>,
  country: string,
  now: number,
): Promise<CountryProvinces> {
  const readAt = new Date(now).toISOString();
  try {
    return { readAt, names: await client.listProvinces(country) };
  } catch (error) {
    const isRefused =
      error instanceof NotFoundError || error instanceof RejectedError || error instanceof ForbiddenError;
    if (!isRefused) throw error;
    return { readAt, names: {} };
  }
}

/**
 * The code of a region, by which the CRM takes it. A user and the CRM may have it as a code (`US-CA`), a part of one (`CA`) or a name.
 *
 * @param country three letters (ISO 3166-1).
 * @returns undefined for a region that the account's list does not have.
 */
export function regionCode(
  country: string,
  region: string,
  { provinces = {} }: Pick<Catalog, 'provinces'>,
): string | undefined {
  const wanted = region.trim().toLowerCase();
  const matches = ([code, name]: [string, string]) =>
    [code, code.slice(code.indexOf('-') + 1), name].some((each) => each.trim().toLowerCase() === wanted);
  return Object.entries(provinces[country]?.names ?? {}).find(matches)?.[0];
}
