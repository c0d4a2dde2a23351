import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { idOfUser, timestamp } from '../../../../infra/cli/support/option-parsers.ts';

describe('a date or time', () => {
  it.each([
    ['2027-01-01', '2027-01-01T00:00:00Z'],
    ['2028-02-29', '2028-02-29T00:00:00Z'],
    ['2027-01-01T12:00:00Z', '2027-01-01T12:00:00Z'],
    ['2027-01-01T12:00Z', '2027-01-01T12:00:00Z'],
    ['2027-01-01T12:00:00+02:00', '2027-01-01T10:00:00Z'],
  ])('can be %s', (text, time) => {
    expect(timestamp(text)).toBe(Date.parse(time));
  });

  it.each(['2027-02-31', '2027-02-29', '5', 'yesterday', '', '01/02/2027', '2027-01-01T25:00:00Z'])(
    'cannot be "%s"',
    (text) => {
      expect(() => timestamp(text)).toThrow(InvalidArgumentError);
    },
  );
});

describe('the id of a user', () => {
  it.each(['u-17', 'ü'.repeat(1024)])('can be %s', (id) => {
    expect(idOfUser(id)).toBe(id);
  });

  it.each(['', ' ', 'x'.repeat(2049), 'ü'.repeat(1025)])('cannot be "%s"', (id) => {
    expect(() => idOfUser(id)).toThrow(InvalidArgumentError);
  });
});
