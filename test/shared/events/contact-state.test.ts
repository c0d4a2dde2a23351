import { expect, it } from 'vitest';
import { hashValue } from '../../../shared/events/contact-state.ts';

it('hashes tell values apart, and emails without their case', () => {
  expect(hashValue('given_name', 'Ann')).not.toBe(hashValue('given_name', 'ann'));
  expect(hashValue('EMAIL2', 'Ann@Example.com')).toBe(hashValue('EMAIL2', 'ann@example.com'));
  expect(hashValue('given_name', 'Ann')).not.toContain('Ann');
});
