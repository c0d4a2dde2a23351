import { describe, expect, it } from 'vitest';
import { desiredState } from '../../../shared/sync/desired-state.ts';
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
  ])('has neither a value nor a warning for %j', (values) => {
    expect(desired(values)).toEqual({ fields: {}, warnings: [] });
  });

  it('keeps an address of which one part is empty', () => {
    const { fields } = desired({ address: { line1: '1 Main St', line2: '' } });
    expect(fields.BILLING).toBe('{"line1":"1 Main St"}');
  });
});
