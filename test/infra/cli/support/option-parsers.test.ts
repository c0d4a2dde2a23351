import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { bySchema, idOfUser, timestamp } from '../../../../infra/cli/support/option-parsers.ts';
import { crmUrl, safeUrl } from '../../../../infra/urls.ts';

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

describe('the address of the CRM', () => {
  const address = bySchema(crmUrl);

  it.each(['https://api.infusionsoft.com', 'https://api.infusionsoft.com/', 'http://localhost:8080'])(
    'can be %s',
    (text) => {
      expect(address(text)).toBe(text);
    },
  );

  it.each([
    ['api.infusionsoft.com', /^It must be a URL, for example https:[^,]*\.$/],
    ['', /^It must be a URL/],
    ['ftp://api.infusionsoft.com', /^It must be a URL/],
    ['http://crm.example.com', /^It must begin with https:.*localhost only/],
    ['http://localhost.example.com', /^It must begin with https:/],
    ['https://api.infusionsoft.com/crm/rest', /^It must be an origin without a path/],
    ['http://crm.example.com/crm', /^It must begin with https:.*, and must be an origin without a path/],
  ])('cannot be "%s", and the message says why', (text, problem) => {
    expect(() => address(text)).toThrow(InvalidArgumentError);
    expect(() => address(text)).toThrow(problem);
  });
});

describe('the address of the authorization page', () => {
  const address = bySchema(safeUrl('must be a URL'));

  it('can have a path', () => {
    const text = 'https://accounts.infusionsoft.com/app/oauth/authorize';
    expect(address(text)).toBe(text);
  });

  it.each([
    ['accounts.infusionsoft.com', /^It must be a URL\.$/],
    ['http://accounts.infusionsoft.com/app/oauth/authorize', /^It must begin with https:/],
  ])('cannot be "%s", and the message says why', (text, problem) => {
    expect(() => address(text)).toThrow(InvalidArgumentError);
    expect(() => address(text)).toThrow(problem);
  });
});
