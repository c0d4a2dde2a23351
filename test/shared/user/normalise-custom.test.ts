import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CustomField, CustomFieldType, CustomValue } from '../../../shared/user/custom-field.ts';
import { normaliseCustom } from '../../../shared/user/normalise-custom.ts';
import { problemWithContent } from '../../simulator/account/custom-field-content.ts';

const user = { userId: 'u1', locale: 'en-US' };
const OPTIONS = ['Free', 'Premium', 'Family'];
const field = (type: CustomFieldType): CustomField =>
  ({ type, options: OPTIONS, value: () => undefined }) as CustomField;

const TYPES: readonly CustomFieldType[] = [
  'Text',
  'TextArea',
  'Name',
  'Email',
  'PhoneNumber',
  'Website',
  'State',
  'SocialSecurityNumber',
  'Date',
  'DateTime',
  'User',
  'WholeNumber',
  'DecimalNumber',
  'Currency',
  'Percent',
  'Year',
  'Month',
  'DayOfWeek',
  'YesNo',
  'Dropdown',
  'Radio',
  'Drilldown',
  'ListBox',
  'UserListBox',
];

describe('a custom field of type', () => {
  it.each<[CustomFieldType, CustomValue, string]>([
    ['Text', 'a\nb', 'a b'],
    ['Text', 'x'.repeat(300), 'x'.repeat(255)],
    ['TextArea', 'x'.repeat(300), 'x'.repeat(300)],
    ['Email', ' ann@example.com', 'ann@example.com'],
    ['PhoneNumber', '(212) 555-0123', '+12125550123'],
    ['Website', 'example.com', 'https://example.com/'],
    ['Date', '2026-03-01T23:30:00-05:00', '2026-03-01'],
    ['Date', '1990-05-01T00:00:00+02:00', '1990-05-01'],
    ['Date', '1990-05-01T00:00', '1990-05-01'],
    ['Date', 'May 1, 1990 12:00 UTC', '1990-05-01'],
    ['Date', '2026-03-01', '2026-03-01'],
    ['Date', '2026-02-31T12:00:00Z', '2026-03-03'],
    ['DateTime', '2026-03-01T23:30:00-05:00', '2026-03-02T04:30:00.000Z'],
    ['WholeNumber', 12, '12'],
    ['DecimalNumber', 1.5, '1.5'],
    ['Currency', 9.999, '10.00'],
    ['Percent', '12.5', '12.5'],
    ['Year', 2026, '2026'],
    ['Month', 12, '12'],
    ['DayOfWeek', 7, '7'],
    ['YesNo', true, '1'],
    ['YesNo', false, '0'],
    ['Dropdown', 'premium', 'Premium'],
    ['Radio', 'Free', 'Free'],
    ['ListBox', ['Family', 'free', 'Family'], 'Family,Free'],
    ['ListBox', ['Family', 'Gold'], 'Family'],
    ['SocialSecurityNumber', '078-05-1120', '078-05-1120'],
    ['UserListBox', ['sam@example.com'], 'sam@example.com'],
  ])('%s: %j becomes %j', (type, raw, value) => {
    expect(normaliseCustom(field(type), raw, user)).toMatchObject({ value });
  });

  it.each<[CustomFieldType, CustomValue]>([
    ['Email', 'ann@'],
    ['PhoneNumber', 'call me'],
    ['Website', 'javascript:alert(1)'],
    ['Date', 'spring'],
    ['DateTime', 'noon'],
    ['WholeNumber', 1.5],
    ['DecimalNumber', 'many'],
    ['Currency', Number.POSITIVE_INFINITY],
    ['Year', 26],
    ['Month', 13],
    ['DayOfWeek', 0],
    ['YesNo', 'yes'],
    ['Dropdown', 'Gold'],
    ['ListBox', ['Gold']],
    ['SocialSecurityNumber', '12'],
  ])('%s: %j is left out', (type, raw) => {
    expect(normaliseCustom(field(type), raw, user)).toHaveProperty('dropped');
  });

  it.each(TYPES)('%s never has a value that the CRM refuses', (type) => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.constantFrom(...OPTIONS),
      fc.array(fc.oneof(fc.string(), fc.constantFrom(...OPTIONS, 'sam@example.com'))),
      fc.emailAddress(),
    );
    fc.assert(
      fc.property(anything, (raw) => {
        const normalised = normaliseCustom(field(type), raw, user);
        // Members of staff have emails here, and ids in the CRM.
        if (!('value' in normalised) || type === 'User' || type === 'UserListBox') return;
        expect(problemWithContent({ fieldType: type, options: OPTIONS }, normalised.value)).toBeUndefined();
        expect(normaliseCustom(field(type), again(type, normalised.value), user)).toEqual({
          value: normalised.value,
        });
      }),
      { numRuns: 200 },
    );
  });
});

/** A normalised value as a mapping would return it. */
function again(type: CustomFieldType, value: string): CustomValue {
  if (type === 'YesNo') return value === '1';
  return type === 'ListBox' ? value.split(',') : value;
}
