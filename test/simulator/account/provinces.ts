/** Provinces by code, of the countries that the account knows. */
const PROVINCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  USA: {
    'US-AZ': 'Arizona',
    'US-CA': 'California',
    'US-FL': 'Florida',
    'US-NY': 'New York',
    'US-TX': 'Texas',
    'US-WA': 'Washington',
  },
  CAN: { 'CA-BC': 'British Columbia', 'CA-ON': 'Ontario', 'CA-QC': 'Quebec' },
  DEU: { 'DE-BE': 'Berlin', 'DE-BY': 'Bayern', 'DE-HH': 'Hamburg' },
  GBR: {},
  SGP: {},
};

/** The provinces of a country (ISO 3166-1, three letters); undefined for a country that the account does not know. */
export const provincesOf = (country: string): Readonly<Record<string, string>> | undefined =>
  PROVINCES[country.toUpperCase()];

/** The name that the CRM stores for a region; undefined if it refuses the region. */
export function storedRegion(country: string, region: string): string | undefined {
  const wanted = region.toLowerCase();
  return Object.entries(provincesOf(country) ?? {}).find(
    ([code, name]) => code.toLowerCase() === wanted || name.toLowerCase() === wanted,
  )?.[1];
}
