import satisfies from 'spdx-satisfies';
import type { ShippedPackage } from './shipped-packages.ts';

/** Licences under which code may be shipped, by their SPDX names: those that ask for no more than their notice. */
const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
];

/** A line for each package that may not be shipped, with what to do; none when all is well. */
export function refusedLicences(packages: readonly ShippedPackage[]): string[] {
  return packages
    .filter(({ licence }) => licence === undefined || !isAllowed(licence))
    .map(
      ({ name, version, licence, shippedIn }) =>
        `${name} ${version} (in ${shippedIn.join(', ')}) ${licence === undefined ? 'names no licence' : `is under ${licence}`}: ` +
        'replace it, or add the licence to infra/operate/shipped/licences.ts if it may be shipped.',
    );
}

function isAllowed(licence: string): boolean {
  try {
    return satisfies(licence, ALLOWED);
  } catch {
    // No SPDX expression ("UNLICENSED", "SEE LICENSE IN …"): nobody has said that it may be shipped.
    return false;
  }
}
