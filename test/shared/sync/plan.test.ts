import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredState } from '../../../shared/sync/desired-state.ts';
import {
  type FieldPlan,
  fingerprintOf,
  isClearable,
  isEmptyPlan,
  planFields,
  planTags,
} from '../../../shared/sync/plan.ts';
import { managedFields } from '../../../shared/user/define-mapping.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { userArbitrary } from '../../support/user-arbitrary.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const managed = managedFields(mapping);
const fieldsOf = (user: Parameters<typeof desiredState>[1]) => desiredState(mapping, user, NOW).fields;

const applyFields = (shown: Record<string, string>, { write, clear }: FieldPlan): Record<string, string> => {
  const next: Record<string, string> = { ...shown, ...write };
  for (const key of clear) delete next[key];
  return next;
};

describe('the plan for the fields', () => {
  it('writes everything to a contact that was never written to', () => {
    const fields = { EMAIL1: 'ann@example.com', given_name: 'Ann' };
    expect(planFields(fields, {}, managed)).toEqual({ write: fields, clear: [] });
  });

  it('writes only what changed', () => {
    const before = fingerprintOf({ EMAIL1: 'ann@example.com', given_name: 'Ann' });
    expect(planFields({ EMAIL1: 'ann@example.com', given_name: 'Anna' }, before, managed)).toEqual({
      write: { given_name: 'Anna' },
      clear: [],
    });
  });

  it('clears what an earlier sync wrote and the user no longer has', () => {
    const before = fingerprintOf({ EMAIL1: 'ann@example.com', PHONE1: '+12125550123' });
    expect(planFields({ EMAIL1: 'ann@example.com' }, before, managed).clear).toEqual(['PHONE1']);
  });

  it('leaves a field as it is that the sync never wrote', () => {
    expect(planFields({ EMAIL1: 'ann@example.com' }, {}, managed).clear).toEqual([]);
  });

  it('leaves a field as it is that was removed from the mapping', () => {
    const before = fingerprintOf({ EMAIL1: 'ann@example.com', 'custom_fields.Old': 'x' });
    expect(planFields({ EMAIL1: 'ann@example.com' }, before, managed)).toEqual({ write: {}, clear: [] });
  });

  it('leads to the desired fields, after which there is nothing to plan', () => {
    const stays = ({ EMAIL1: _, ...fields }: Record<string, string>) => fields;
    fc.assert(
      fc.property(userArbitrary(), userArbitrary(), (before, after) => {
        const shown: Record<string, string> = {
          ...fieldsOf(before),
          nickname: 'by hand',
          'custom_fields.Shoe Size': '9',
        };
        const plan = planFields(fieldsOf(after), fingerprintOf(fieldsOf(before)), managed);
        const { nickname, 'custom_fields.Shoe Size': shoeSize, ...own } = applyFields(shown, plan);
        expect([nickname, shoeSize]).toEqual(['by hand', '9']);
        expect(stays(own)).toEqual(stays({ ...fieldsOf(after) }));
        expect(planFields(fieldsOf(after), fingerprintOf(fieldsOf(after)), managed)).toEqual({
          write: {},
          clear: [],
        });
      }),
    );
  });
});

describe('a field that the user no longer has', () => {
  it.each([
    ['PHONE1', true],
    ['custom_fields.Shoe Size', true],
    ['EMAIL1', false],
    ['company', false],
    ['lead_source', false],
  ])('%s can be cleared in the CRM: %s', (key, clearable) => {
    expect(isClearable(key)).toBe(clearable);
  });

  it('is left as it is if the CRM cannot clear it', () => {
    const before = fingerprintOf({ company: 'Acme', PHONE1: '+12125550123' });
    expect(planFields({}, before, new Set(['company', 'PHONE1']))).toEqual({ write: {}, clear: ['PHONE1'] });
  });
});

it.each([
  [{}, [], true],
  [{ given_name: 'Ann' }, [], false],
  [{}, ['PHONE1'], false],
  [{ given_name: 'Ann' }, ['PHONE1'], false],
] as const)('a plan that writes %j and clears %j is empty: %s', (write, clear, empty) => {
  expect(isEmptyPlan({ write, clear })).toBe(empty);
});

it('a fingerprint is 11 characters of a SHA-256: another one would write all contacts again', () => {
  expect(fingerprintOf({ given_name: 'Ann', family_name: '' })).toEqual({
    given_name: 'FyObbiUBEDM',
    family_name: '47DEQpj8HBS',
  });
});

describe('the plan for the tags', () => {
  const managedIds = new Set([1, 2, 3, 4]);

  it.each([
    ['a new contact gets all tags', [1, 2], [], undefined, { remove: [], add: [1, 2] }],
    ['a swap', [1, 3], [1, 2], undefined, { remove: [2], add: [3] }],
    ['nothing to do', [1, 2], [1, 2], undefined, { remove: [], add: [] }],
    ['a tag that was added by hand stays', [1], [1], [1, 99], { remove: [], add: [] }],
    ['a stored tag that is no longer managed stays', [1], [1, 77], undefined, { remove: [], add: [] }],
    [
      'the CRM takes precedence: a tag that was removed by hand is added again',
      [1, 2],
      [1, 2],
      [1],
      { remove: [], add: [2] },
    ],
    ['a managed tag that is not stored is removed', [1], [], [3, 99], { remove: [3], add: [1] }],
    ['a tag that the contact has already is not added', [1, 2], [], [1], { remove: [], add: [2] }],
  ])('%s', (_, desired, applied, observed, expected) => {
    expect(planTags(desired, { applied, observed }, managedIds)).toEqual(expected);
  });

  it('leads to the desired tags and touches no others', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 8 }));
    fc.assert(
      fc.property(fc.subarray([1, 2, 3, 4]), ids, ids, (desired, present, stored) => {
        const { remove, add } = planTags(desired, { applied: stored, observed: present }, managedIds);
        const after = [...new Set([...present.filter((id) => !remove.includes(id)), ...add])];
        const foreign = present.filter((id) => !managedIds.has(id));
        expect(after.sort()).toEqual([...desired, ...foreign].sort());
        expect([...remove, ...add].every((id) => managedIds.has(id))).toBe(true);
      }),
    );
  });
});
