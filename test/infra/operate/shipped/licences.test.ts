import { expect, it } from 'vitest';
import { refusedLicences } from '../../../../infra/operate/shipped/licences.ts';
import { shipped } from './shipped.ts';

it.each(['MIT', 'MIT-0', 'Apache-2.0', '(GPL-3.0-only OR MIT)', 'MIT AND ISC'])(
  'lets %s through',
  (licence) => {
    expect(refusedLicences([shipped({ licence })])).toEqual([]);
  },
);

it.each([
  'GPL-3.0-only',
  'AGPL-3.0-or-later',
  'MIT AND GPL-2.0-only',
  'UNLICENSED',
  'SEE LICENSE IN LICENSE.txt',
  'BUSL-1.1',
])('refuses %s, with the package, where it is, and what to do', (licence) => {
  const packages = [
    shipped({}),
    shipped({ name: 'viral', version: '2.0.0', licence, shippedIn: ['backfill'] }),
  ];
  expect(refusedLicences(packages)).toEqual([
    `viral 2.0.0 (in backfill) is under ${licence}: replace it, or add the licence to infra/operate/shipped/licences.ts if it may be shipped.`,
  ]);
});

it('refuses a package that names no licence', () => {
  expect(refusedLicences([shipped({ licence: undefined })])).toEqual([
    expect.stringMatching(/^zod 4\.0\.0 \(in diff-user\) names no licence: /),
  ]);
});
