import fc from 'fast-check';
import { parsePhoneNumberFromString as parseWith } from 'libphonenumber-js/core';
import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/min';
import metadata from 'libphonenumber-js/min/metadata';
import { expect, it } from 'vitest';
import { phoneMetadataSource } from '../../../infra/check/phone-metadata.ts';
import { phoneMetadata } from '../../../shared/user/phone-metadata.ts';

const countries = getCountries();
const country = fc.constantFrom<(CountryCode | undefined)[]>(undefined, ...countries);
const digits = fc.stringMatching(/^[0-9]{1,15}$/);
/** As people type numbers: with a code or without, with a zero or without. */
const typed = fc
  .tuple(fc.constantFrom(...countries), digits, fc.constantFrom('+', '00', '011', '0', '1', '8', ''))
  .map(
    ([of, national, prefix]) =>
      `${prefix}${prefix.length > 1 || prefix === '+' ? getCountryCallingCode(of) : ''}${national}`,
  );

it('the plans of the bundle are those of the library that is installed', async () => {
  await expect(phoneMetadataSource(metadata)).toMatchFileSnapshot('../../../shared/user/phone-metadata.ts');
});

it('read numbers as the whole plans do', () => {
  fc.assert(
    fc.property(fc.oneof(typed, digits, fc.string()), country, (raw, from) => {
      const whole = parsePhoneNumberFromString(raw, from);
      const short = parseWith(raw, from ? { defaultCountry: from } : {}, phoneMetadata);
      expect([short?.number, short?.isPossible()]).toEqual([whole?.number, whole?.isPossible()]);
    }),
    { numRuns: 5000 },
  );
});
