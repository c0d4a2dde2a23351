import { describe, expect, it } from 'vitest';
import {
  type Catalog,
  catalogKey,
  customFieldId,
  tagId,
  tagIds,
} from '../../../../shared/infusionsoft/catalog/catalog.ts';
import { resolveFields, usableFields } from '../../../../shared/infusionsoft/catalog/resolve-fields.ts';
import type { ContactFields } from '../../../../shared/sync/desired-state.ts';
import { refusedHash } from '../../../../shared/sync/refused-fields.ts';
import type { Mapping } from '../../../../shared/user/define-mapping.ts';
import { mapping as appMapping } from '../../../../shared/user/mapping.ts';

const mapping: Mapping = {
  ...appMapping,
  customFields: {
    Coach: { type: 'User', value: () => undefined },
    Team: { type: 'UserListBox', value: () => undefined },
    Program: { type: 'Text', value: () => undefined },
  },
};
const CATALOG: Catalog = {
  tags: { active: 7 },
  customFields: { coach: 11, team: 12 },
  staff: { 'sam@example.com': 21, 'kim@example.com': 22 },
  unusable: ['custom_fields.Program'],
  problems: [],
  refreshedAt: '2026-06-15T12:00:00.000Z',
};
const EARLIER = { field: 'PHONE1', problem: 'left out: not a possible phone number' };
const resolve = (fields: ContactFields, tags: string[] = [], catalog: Catalog = CATALOG) =>
  resolveFields({ fields, tags, warnings: [EARLIER] }, catalog, mapping);

describe('a region', () => {
  const provinces = { USA: { readAt: '2026-06-15T12:00:00.000Z', names: { 'US-CA': 'California' } } };
  const address = (parts: object) => JSON.stringify({ line1: '1 Main St', ...parts });
  const regionIn = (region: string, country_code: string) => {
    const { fields, warnings } = resolve({ BILLING: address({ region, country_code }) }, [], {
      ...CATALOG,
      provinces,
    });
    return [fields.BILLING, warnings.filter(({ field }) => field === 'BILLING.region')];
  };

  it.each(['US-CA', 'ca', ' California'])('%j becomes the code of the list', (region) => {
    expect(regionIn(region, 'USA')).toEqual([address({ region: 'US-CA', country_code: 'USA' }), []]);
  });

  it.each([
    ['Narnia', 'USA', /not in the CRM's list/],
    ['Ontario', 'CAN', /until the CRM's list .* has been read/],
  ])('%s of %s is left out with a warning', (region, country, problem) => {
    expect(regionIn(region, country)).toEqual([
      address({ country_code: country }),
      [{ field: 'BILLING.region', problem: expect.stringMatching(problem) }],
    ]);
  });
});

describe('values that the CRM has refused', () => {
  const catalog = {
    ...CATALOG,
    provinces: { USA: { readAt: '2026-06-15T12:00:00.000Z', names: { 'US-CA': 'California' } } },
  };
  const BILLING = '{"line1":"1 Main St","region":"US-CA","country_code":"USA"}';
  const fields = { time_zone: 'Pacific/Auckland', given_name: 'Ann', BILLING };
  const remembered = (...keys: string[]) =>
    Object.fromEntries(keys.map((key) => [key, refusedHash(key, fields as ContactFields)]));
  const resolved = (refusedFields: Record<string, string>, values: Record<string, string> = fields) =>
    resolveFields({ fields: values as ContactFields, tags: [], warnings: [] }, catalog, mapping, {
      refusedFields,
    });

  it('are left out with a warning, with the region of an address as a field of its own', () => {
    const refusedFields = remembered('time_zone', 'BILLING.region');
    expect(resolved(refusedFields)).toEqual({
      fields: { given_name: 'Ann', BILLING: '{"line1":"1 Main St","country_code":"USA"}' },
      tags: [],
      refused: refusedFields,
      warnings: ['time_zone', 'BILLING.region'].map((field) =>
        expect.objectContaining({ field, reason: 'refused-value' }),
      ),
    });
    expect(resolved(remembered('BILLING')).fields).toEqual({
      time_zone: 'Pacific/Auckland',
      given_name: 'Ann',
    });
  });

  it('are sent again when they change', () => {
    const changed = {
      time_zone: 'Asia/Tokyo',
      BILLING: BILLING.replace('US-CA', 'California').replace('1 Main', '2 Main'),
    };
    const { fields: sent, refused } = resolved(remembered('time_zone', 'BILLING'), changed);
    expect([sent.time_zone, refused]).toEqual(['Asia/Tokyo', undefined]);
    expect(sent.BILLING).toContain('2 Main St');
    expect(resolved(remembered('BILLING.region'), changed).fields.BILLING).not.toContain('region');
  });
});

describe('a desired state that is resolved against the account', () => {
  it('has ids of the members of staff, and leaves out those whom the account does not know', () => {
    expect(
      resolve({
        'custom_fields.Coach': 'Sam@example.com',
        'custom_fields.Team': 'kim@example.com,nobody@example.com,sam@example.com',
      }),
    ).toEqual({
      fields: { 'custom_fields.Coach': '21', 'custom_fields.Team': '22,21' },
      tags: [],
      warnings: [
        EARLIER,
        {
          field: 'custom_fields.Team',
          problem: 'some items left out: no member of staff has their email',
          reason: 'unknown-staff',
        },
      ],
    });
    const unknown = 'nobody@example.com';
    const { fields, warnings } = resolve({ 'custom_fields.Team': unknown, owner: unknown });
    expect(fields).toEqual({});
    const problem = 'left out: no member of staff has this email';
    expect(warnings).toEqual([
      EARLIER,
      { field: 'owner', problem, reason: 'unknown-staff' },
      { field: 'custom_fields.Team', problem, reason: 'unknown-staff' },
    ]);
  });

  it('has no field and no tag that the account lacks, and a warning for each that the user would have', () => {
    expect(resolve({ 'custom_fields.Program': 'Strength' }, ['Active', 'Week 3'])).toEqual({
      fields: {},
      tags: ['Active'],
      warnings: [
        EARLIER,
        {
          field: 'custom_fields.Program',
          problem: 'left out: the account lacks the field, or it does not fit the mapping',
        },
        { field: 'tags.Week 3', problem: 'left out: the account lacks the tag' },
      ],
    });
    expect(resolve({}, ['Active'])).toEqual({ fields: {}, tags: ['Active'], warnings: [EARLIER] });
  });

  it('leaves the fields that the account does not accept as they are', () => {
    const usable = usableFields(mapping, CATALOG);
    expect(usable.has('custom_fields.Coach')).toBe(true);
    expect(usable.has('custom_fields.Program')).toBe(false);
  });
});

describe('a name', () => {
  it('is found ignoring case and spaces around it', () => {
    expect(catalogKey(' Week 3 ')).toBe('week 3');
    expect(tagId(CATALOG, ' ACTIVE ')).toBe(7);
    expect(customFieldId(CATALOG, 'Coach')).toBe(11);
  });

  it('that the account lacks is left out of a list, and is a bug anywhere else', () => {
    expect(tagIds(CATALOG, ['Week 3', 'Active'])).toEqual([7]);
    expect(() => tagId(CATALOG, 'Week 3')).toThrow('no tag "Week 3"');
    expect(() => customFieldId(CATALOG, 'Program')).toThrow('no custom field "Program"');
  });
});
