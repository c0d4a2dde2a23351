import { describe, expect, it } from 'vitest';
import type { ContactFields, DesiredState } from '../../../shared/sync/desired-state.ts';
import {
  addressOfRegion,
  refusalWarning,
  refusedHash,
  regionKey,
  withoutRefused,
  withoutRegion,
} from '../../../shared/sync/refused-fields.ts';

const address = (parts: Record<string, string>) => JSON.stringify(parts);
const HOME = address({ line1: '1 Main St', region: 'NY', country_code: 'USA' });

const desired = (fields: ContactFields): DesiredState => ({
  fields: { EMAIL1: 'ann@example.com', ...fields },
  tags: ['App User'],
  consent: true,
  warnings: [{ field: 'given_name', problem: 'cut to 40 characters' }],
});
const refused = (fields: ContactFields, ...keys: string[]) =>
  Object.fromEntries(keys.map((key) => [key, refusedHash(key, fields)]));

describe('the region of an address', () => {
  it.each(['BILLING', 'SHIPPING', 'OTHER'])('of %s is a field of its own', (key) => {
    expect(regionKey(key)).toBe(`${key}.region`);
    expect(addressOfRegion(regionKey(key))).toBe(key);
  });

  it.each(['BILLING', 'PHONE1', 'PHONE1.region', 'custom_fields.Home.region'])(
    'is not named by %s',
    (key) => {
      expect(addressOfRegion(key)).toBeUndefined();
    },
  );

  it('can be left out of the address', () => {
    expect(JSON.parse(withoutRegion(HOME))).toEqual({ line1: '1 Main St', country_code: 'USA' });
  });
});

describe('the hash of a refused value', () => {
  const hashOfRegion = (parts: Record<string, string>) =>
    refusedHash('BILLING.region', { BILLING: address(parts) });

  it('is that of the value', () => {
    const hash = refusedHash('PHONE1', { PHONE1: '+12125550123' });
    expect(hash).toMatch(/^[\w-]{11}$/);
    expect(refusedHash('PHONE1', { PHONE1: '+12125550123', given_name: 'Ann' })).toBe(hash);
    expect(refusedHash('PHONE1', { PHONE1: '+12125550124' })).not.toBe(hash);
    expect(refusedHash('custom_fields.Phone', { 'custom_fields.Phone': '+12125550123' })).toBe(hash);
  });

  it('is that of an empty text if the field was to be cleared', () => {
    expect(refusedHash('PHONE1', {})).toBe(refusedHash('PHONE1', { PHONE1: '' }));
  });

  it('of a region depends on the country, and on no other part of the address', () => {
    const hash = hashOfRegion({ line1: '1 Main St', region: 'NY', country_code: 'USA' });
    expect(hashOfRegion({ line1: '2 Main St', region: 'NY', country_code: 'USA' })).toBe(hash);
    expect(hashOfRegion({ region: 'CA', country_code: 'USA' })).not.toBe(hash);
    expect(hashOfRegion({ region: 'NY', country_code: 'CAN' })).not.toBe(hash);
    expect(hashOfRegion({ country_code: 'USA' })).not.toBe(hash);
    expect(refusedHash('BILLING.region', {})).not.toBe(hash);
  });

  it('of a region is that of its own address', () => {
    const fields = { BILLING: HOME, SHIPPING: address({ region: 'BC', country_code: 'CAN' }) };
    expect(refusedHash('SHIPPING.region', fields)).not.toBe(refusedHash('BILLING.region', fields));
  });
});

describe('a desired state without what the CRM has refused', () => {
  it.each([
    ['nothing', undefined],
    ['none', {}],
    ['another value', refused({ PHONE1: '+12125550199' }, 'PHONE1')],
    ['clearing a field that has a value now', refused({}, 'PHONE1')],
  ])('is the same if the CRM has refused %s', (_, remembered) => {
    const state = desired({ PHONE1: '+12125550123' });
    expect(withoutRefused(state, remembered)).toEqual(state);
  });

  it('has neither the value nor any hash of another one, but a warning', () => {
    const state = desired({ PHONE1: '+12125550123', given_name: 'Ann' });
    const { PHONE1 } = refused(state.fields, 'PHONE1');
    expect(withoutRefused(state, { PHONE1: `${PHONE1}`, given_name: 'hash of another' })).toEqual({
      ...desired({ given_name: 'Ann' }),
      warnings: [...state.warnings, refusalWarning('PHONE1')],
      refused: { PHONE1 },
    });
    expect(state).toEqual(desired({ PHONE1: '+12125550123', given_name: 'Ann' }));
  });

  it('has the address without the region', () => {
    const state = desired({ BILLING: HOME });
    const remembered = refused(state.fields, 'BILLING.region');
    const { fields, warnings, refused: counts } = withoutRefused(state, remembered);
    expect(fields).toEqual(desired({ BILLING: withoutRegion(HOME) }).fields);
    expect(warnings.at(-1)).toEqual(refusalWarning('BILLING.region'));
    expect(counts).toEqual(remembered);
  });

  it('has no address if the whole of it was refused', () => {
    const state = desired({ BILLING: HOME });
    for (const keys of [['BILLING'], ['BILLING', 'BILLING.region'], ['BILLING.region', 'BILLING']])
      expect(withoutRefused(state, refused(state.fields, ...keys)).fields).toEqual(desired({}).fields);
  });

  it('has no address that the user does not have', () => {
    expect(withoutRefused(desired({}), refused({}, 'BILLING.region')).fields).toEqual(desired({}).fields);
  });

  it('has nothing to clear that the CRM has refused to clear', () => {
    const state = desired({});
    expect(withoutRefused(state, refused({}, 'PHONE1')).refused).toEqual(refused({}, 'PHONE1'));
    expect(withoutRefused(state, refused({}, 'PHONE1')).fields).toEqual(state.fields);
  });
});

it('the warning about a refused value names the field, and can be counted', () => {
  expect(refusalWarning('PHONE1')).toEqual({
    field: 'PHONE1',
    problem: expect.stringContaining('refuses'),
    reason: 'refused-value',
  });
});
