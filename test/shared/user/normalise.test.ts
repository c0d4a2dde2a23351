import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseCustom, normaliseStandard } from '../../../shared/user/normalise.ts';

const user = { userId: 'u1', locale: 'en-US' };

describe('values that the CRM takes', () => {
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
    ['Text', 'x'.repeat(300), { value: 'x'.repeat(255), changed: 'cut to 255 characters' }],
    ['Date', '2026-03-01T23:30:00-05:00', { value: '2026-03-02' }],
    ['Date', '2026-03-01', { value: '2026-03-01' }],
    ['Date', 'spring', { dropped: 'not a date' }],
    ['WholeNumber', 12, { value: '12' }],
    ['WholeNumber', 1.5, { dropped: 'not a whole number' }],
  ] as const)('a custom field of type %s takes %j', (type, raw, expected) => {
    expect(normaliseCustom(type, raw)).toEqual(expected);
  });

  it('are never too long, never hold a control character, and normalise to themselves', () => {
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
