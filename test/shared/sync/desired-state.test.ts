import { describe, expect, it } from 'vitest';
import { desiredState, hasNoEmailYet, isSyncable } from '../../../shared/sync/desired-state.ts';
import type { Address, Mapping } from '../../../shared/user/define-mapping.ts';
import { mapping as appMapping } from '../../../shared/user/mapping.ts';

const desired = (values: { name?: string; address?: Address; interests?: string[] }) => {
  const mapping: Mapping = {
    ...appMapping,
    contact: {
      EMAIL1: () => 'ann@example.com',
      given_name: () => values.name,
      BILLING: () => values.address,
    },
    customFields: {
      Interests: { type: 'ListBox', options: ['Strength', 'Running'], value: () => values.interests },
    },
    tagGroups: [],
  };
  const { fields, warnings } = desiredState(mapping, { userId: 'ann' }, 0);
  const { EMAIL1: _, ...others } = fields;
  return { fields: others, warnings };
};

/** The desired state by a mapping that has only some parts. */
const stateOf = (parts: Partial<Mapping>) => {
  const { marketingConsent: _, ...others } = appMapping;
  const empty = { contact: { EMAIL1: () => undefined }, customFields: {}, tagGroups: [] };
  return desiredState({ ...others, ...empty, ...parts }, { userId: 'ann' }, 0);
};

describe('a desired state', () => {
  it('has a warning for a value that was corrected', () => {
    expect(desired({ name: 'x'.repeat(41) })).toEqual({
      fields: { given_name: 'x'.repeat(40) },
      warnings: [{ field: 'given_name', problem: 'cut to 40 characters' }],
    });
  });

  it.each([
    [{ name: ' ' }],
    [{ address: {} }],
    [{ address: { line1: '', locality: ' ', region: undefined } }],
    [{ interests: [] }],
    [{ interests: ['', ' '] }],
  ])('has neither a value nor a warning for %j', (values) => {
    expect(desired(values)).toEqual({ fields: {}, warnings: [] });
  });

  it('keeps an address of which one part is empty', () => {
    const { fields } = desired({ address: { line1: '1 Main St', line2: '' } });
    expect(fields.BILLING).toBe('{"line1":"1 Main St"}');
  });

  it('has a warning for a value that was left out, without the value', () => {
    expect(desired({ interests: ['Chess'] })).toEqual({
      fields: {},
      warnings: [{ field: 'custom_fields.Interests', problem: expect.stringMatching(/^left out: \w/) }],
    });
  });

  it('has the valid items of a list', () => {
    expect(desired({ interests: ['Strength'] }).fields).toEqual({ 'custom_fields.Interests': 'Strength' });
  });

  it('has the name that a choice picks', () => {
    const contact = {
      EMAIL1: () => 'ann@example.com',
      lead_source: { names: ['App', 'Shop'], pick: () => 'Shop' },
    };
    expect(stateOf({ contact }).fields).toEqual({ EMAIL1: 'ann@example.com', lead_source: 'Shop' });
  });

  it('has the tags of the groups that pick one', () => {
    const group = (tag: string | undefined) => ({ tags: { A: 'a', B: 'b' }, pick: () => tag });
    expect(stateOf({ tagGroups: [group('B'), group(undefined), group('A')] }).tags).toEqual(['B', 'A']);
  });

  it.each([true, false, undefined])('has the consent that the app says: %s', (given) => {
    const marketingConsent = { given: () => given, optInReason: 'r', withdrawalReason: 'r' };
    expect(stateOf({ marketingConsent }).consent).toBe(given);
    expect('consent' in stateOf({ marketingConsent })).toBe(given !== undefined);
  });

  it('has no consent if the mapping has none', () => {
    expect(stateOf({})).not.toHaveProperty('consent');
  });
});

describe('a user', () => {
  it.each([
    ['with an email', 'ann@example.com', { isSyncable: true, hasNoEmailYet: false }],
    ['without an email', undefined, { isSyncable: false, hasNoEmailYet: true }],
    ['with an empty email', ' ', { isSyncable: false, hasNoEmailYet: true }],
    ['with an email that no CRM takes', 'ann at home', { isSyncable: false, hasNoEmailYet: false }],
  ])('%s differs from others', (_, email, expected) => {
    const state = stateOf({ contact: { EMAIL1: () => email } });
    expect({ isSyncable: isSyncable(state), hasNoEmailYet: hasNoEmailYet(state) }).toEqual(expected);
  });

  it('without an email has none yet, whatever is wrong with other values', () => {
    const state = stateOf({ contact: { EMAIL1: () => undefined, EMAIL2: () => 'ann at home' } });
    expect(state.warnings.map(({ field }) => field)).toEqual(['EMAIL2']);
    expect(hasNoEmailYet(state)).toBe(true);
  });
});
