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
    ['preferred_locale', 'zh-Hant-TW', 'zh_TW'],
    ['time_zone', 'America/New_York', 'America/New_York'],
    ['time_zone', ' Europe/Paris', 'Europe/Berlin'],
    ['middle_name', 'x'.repeat(101), 'x'.repeat(100)],
    ['job_title', 'x'.repeat(256), 'x'.repeat(255)],
    ['FAX2', '(212) 555-0123', '+12125550123'],
    ['EMAIL3', `${'a'.repeat(64)}@mail.example.com`, `${'a'.repeat(64)}@mail.example.com`],
    ['source_type', 'webform', 'WEBFORM'],
  ] as const)('%s: %j becomes %j', (field, raw, value) => {
    expect(normaliseStandard(field, raw, user)).toMatchObject({ value });
  });

  it.each([
    ['PHONE1', 'call me'],
    ['PHONE1', '12'],
    ['time_zone', 'Mars/Olympus'],
    ['time_zone', '+02:00'],
    ['preferred_locale', '??'],
    ['preferred_locale', 'pt'],
    ['preferred_locale', 'fil-PH'],
    ['preferred_locale', 'es-419'],
    ['website', `example.com/${'x'.repeat(90)}`],
    ['LinkedIn', 'x'.repeat(256)],
    ['EMAIL2', `${'a'.repeat(64)}@${'b'.repeat(40)}.com`],
    ['source_type', 'TELEGRAM'],
    ['family_name', '\u0000\u0001'],
  ] as const)('%s: %j is left out', (field, raw) => {
    expect(normaliseStandard(field, raw, user)).toHaveProperty('dropped');
  });

  it.each([
    ['an xn-- domain', 'ann@xn--mnchen-3ya.xn--p1ai'],
    ['special characters', "a!#$%&'*+/=?^_`{|}~-n@example.com"],
    ['dots anywhere', '.ann..lee.@docomo.example'],
    ['upper case', 'Ann.Lee@Example.COM'],
    ['digits only', '17@163.com'],
    ['a long domain label', `ann@${'a'.repeat(63)}.de`],
    ['75 characters', `${'a'.repeat(63)}@example.com`],
  ])('an email with %s is kept as it is: %s', (_, email) => {
    for (const field of ['EMAIL1', 'owner'] as const)
      expect(normaliseStandard(field, ` ${email}\n`, user)).toEqual({ value: email });
  });

  it.each([
    ['ann@münchen.de', 'ann@xn--mnchen-3ya.de'],
    ['Ann@MÜNCHEN.de', 'Ann@xn--mnchen-3ya.de'],
    ['ann@例え。テスト', 'ann@xn--r8jz45g.xn--zckzah'],
    ['ann@mail.example.рф', 'ann@mail.example.xn--p1ai'],
    ['ann@ｅxample.com', 'ann@example.com'],
  ])('the domain of %s is written in its ASCII form', (raw, value) => {
    expect(normaliseStandard('EMAIL1', raw, user)).toEqual({ value });
  });

  it.each([
    ['no domain', 'ann@'],
    ['no local part', '@example.com'],
    ['no @', 'nobody at nowhere'],
    ['two @', 'ann@lee@example.com'],
    ['a domain of one label', 'ann@localhost'],
    ['an empty label', 'ann@example..com'],
    ['a dot at the end', 'ann@example.com.'],
    ['an IP address', 'ann@127.0.0.1'],
    ['an IP address in wide digits', 'ann@１２７.1'],
    ['a top-level domain of one letter', 'ann@example.c'],
    ['a top-level domain of digits', 'ann@example.17'],
    ['a top-level domain that ends with a hyphen', 'ann@example.co-'],
    ['a hyphen at the start of a label', 'ann@-example.com'],
    ['a hyphen at the end of a label', 'ann@example-.com'],
    ['a label of 64 characters', `ann@${'a'.repeat(64)}.de`],
    ['a space', 'ann lee@example.com'],
    ['a quoted local part', '"ann"@example.com'],
    ['a list', 'ann@example.com,bob@example.com'],
    ['a name', 'Ann <ann@example.com>'],
    ['letters beyond ASCII in the local part', 'josé@example.com'],
    ['76 characters', `${'a'.repeat(64)}@example.com`],
    ['more than 75 characters in its ASCII form', `${'a'.repeat(60)}@münchen.de`],
    ['a path behind an IDN', 'ann@münchen.de/x'],
    ['an escape in an IDN', 'ann@münch%65n.de'],
    ['a tab in an IDN', 'ann@mün\tchen.de'],
    ['a port behind an IDN', 'ann@münchen.de:25'],
    ['a space in an IDN', 'ann@mün chen.de'],
    ['letters that no domain may have', 'ann@a℀b.com'],
  ])('an email with %s is left out: %j', (_, raw) => {
    expect(normaliseStandard('EMAIL1', raw, user)).toEqual({
      dropped: 'not an email address of up to 75 characters',
    });
  });

  it('an email has only ASCII characters, at most 75, and normalises to itself', () => {
    const domains = fc
      .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 9 }), { minLength: 2, maxLength: 4 })
      .map((labels) => labels.join('.'));
    const emails = fc.tuple(fc.emailAddress(), fc.domain(), domains).chain(([email, domain, idn]) => {
      const local = email.slice(0, email.lastIndexOf('@'));
      return fc.constantFrom(email, `${local}@${domain}`, `${local}@${idn}`, `${local}@ü.${domain}`);
    });
    fc.assert(
      fc.property(emails, (raw) => {
        const once = normaliseStandard('EMAIL1', raw, user);
        if ('dropped' in once) return;
        expect(once.value).toMatch(/^[!-~]{1,75}$/);
        expect(once.value.split('@')).toHaveLength(2);
        expect(normaliseStandard('EMAIL1', once.value, user)).toEqual(once);
      }),
    );
  });

  it('every common email of up to 75 characters is kept as it is', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (email) => {
        fc.pre(email.length <= 75);
        expect(normaliseStandard('EMAIL1', email, user)).toEqual({ value: email });
      }),
    );
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
    ['de-DE', '+493012345678'],
    ['de_DE', '+493012345678'],
    ['de-Latn-DE', '+493012345678'],
    ['de', undefined],
    ['xx-DEU', undefined],
    ['de-XX', undefined],
    [undefined, undefined],
  ])('a phone number without a country code is one of the country of the locale %s', (locale, value) => {
    const expected = value === undefined ? { dropped: 'not a possible phone number' } : { value };
    expect(normaliseStandard('PHONE1', '030 12345678', { userId: 'u1', locale })).toEqual(expected);
  });

  it.each([
    [{ line1: 'x', region: 'CA', country_code: 'US' }, 'the country is not a three-letter code'],
    [{ line1: 'x', country_code: 'USAX' }, 'the country is not a three-letter code'],
    [{ line1: 'x', country_code: '1USA' }, 'the country is not a three-letter code'],
    [{ line1: 'x', region: 'CA' }, 'a region without a country'],
  ])('the address %j is corrected: %s', (raw, changed) => {
    expect(normaliseStandard('BILLING', raw, user)).toEqual({
      value: '{"line1":"x"}',
      changed: expect.stringContaining(changed),
    });
  });

  it.each([
    ['BILLING', 75, 50, 15],
    ['SHIPPING', 100, 100, 20],
    ['OTHER', 100, 100, 15],
  ] as const)(
    'the lines of %s are cut to %i characters, the locality to %i, and a postal code of more than %i is left out',
    (field, line, locality, postalCode) => {
      const raw = {
        line1: 'x'.repeat(line + 1),
        line2: 'x'.repeat(line),
        locality: 'x'.repeat(locality + 1),
        postal_code: '1'.repeat(postalCode + 1),
      };
      const expected = { line1: 'x'.repeat(line), line2: 'x'.repeat(line), locality: 'x'.repeat(locality) };
      expect(normaliseStandard(field, raw, user)).toEqual({
        value: JSON.stringify(expected),
        changed: `line1: cut to ${line} characters; locality: cut to ${locality} characters; a postal code of more than ${postalCode} characters: left out`,
      });
      const fits = { postal_code: '1'.repeat(postalCode) };
      expect(normaliseStandard(field, fits, user)).toEqual({ value: JSON.stringify(fits) });
    },
  );

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
