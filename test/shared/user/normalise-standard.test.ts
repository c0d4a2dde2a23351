import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseStandard } from '../../../shared/user/normalise-standard.ts';

const user = { userId: 'u1', locale: 'en-US' };

describe('normalised values', () => {
  it.each([
    ['EMAIL1', '  ann@example.com ', 'ann@example.com'],
    ['given_name', ' Ann\u0007Lee\n', 'Ann Lee'],
    ['given_name', 'x'.repeat(41), 'x'.repeat(40)],
    ['given_name', `${'x'.repeat(39)}😀`, 'x'.repeat(39)],
    ['PHONE1', '(212) 555-0123', '+12125550123'],
    ['PHONE1', '+44 20 7946 0958', '+442079460958'],
    ['preferred_locale', 'en-us', 'en_US'],
    ['preferred_locale', 'pt', 'pt'],
    ['time_zone', 'America/New_York', 'America/New_York'],
  ] as const)('%s: %j becomes %j', (field, raw, value) => {
    expect(normaliseStandard(field, raw, user)).toMatchObject({ value });
  });

  it.each([
    ['EMAIL1', 'ann@'],
    ['EMAIL1', `${'a'.repeat(70)}@example.com`],
    ['PHONE1', 'call me'],
    ['PHONE1', '12'],
    ['time_zone', 'Mars/Olympus'],
    ['time_zone', '+02:00'],
    ['preferred_locale', '??'],
    ['family_name', '\u0000\u0001'],
  ] as const)('%s: %j is left out', (field, raw) => {
    expect(normaliseStandard(field, raw, user)).toHaveProperty('dropped');
  });

  it.each([
    ['birthday', '1990-05-17T23:00:00Z', '1990-05-17'],
    ['website', 'example.com/ann', 'https://example.com/ann'],
    ['owner', ' sam@example.com ', 'sam@example.com'],
    ['contact_type', ' Customer ', 'Customer'],
    ['LinkedIn', 'ann-lee', 'ann-lee'],
  ] as const)('%s: %j becomes %j', (field, raw, value) => {
    expect(normaliseStandard(field, raw, user)).toEqual({ value });
  });

  it.each([
    [
      { line1: ' 1 Main St ', region: 'CA', country_code: 'usa' },
      { line1: '1 Main St', region: 'CA', country_code: 'USA' },
    ],
    [{ locality: 'Berlin', line2: '' }, { locality: 'Berlin' }],
    [{ line1: '1 Main St', region: 'CA' }, { line1: '1 Main St' }],
    [{ line1: '1 Main St', region: 'CA', country_code: 'US' }, { line1: '1 Main St' }],
  ])('the address %j becomes %j: a region only with a country', (raw, parts) => {
    const normalised = normaliseStandard('BILLING', raw, user);
    expect(JSON.parse('value' in normalised ? normalised.value : '')).toEqual(parts);
  });

  it.each([
    ['BILLING', 'Main St'],
    ['BILLING', { region: 'CA' }],
    ['given_name', { line1: 'x' }],
    ['website', 'nonsense'],
    ['birthday', 'spring'],
  ] as const)('%s: %j is left out', (field, raw) => {
    expect(normaliseStandard(field, raw, user)).toHaveProperty('dropped');
  });

  it('are never too long, have no control characters, and normalise to themselves', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (raw) => {
        const once = normaliseStandard('given_name', raw, user);
        if ('dropped' in once) return;
        expect(once.value.length).toBeLessThanOrEqual(40);
        expect(once.value.isWellFormed()).toBe(true);
        expect(once.value).not.toMatch(/\p{Cc}/u);
        expect(normaliseStandard('given_name', once.value, user)).toEqual({ value: once.value });
      }),
    );
  });
});
