import type { ShippedPackage } from '../../../../infra/operate/shipped/shipped-packages.ts';

/** A package that is shipped, with what a test says of it. */
export const shipped = (given: Partial<ShippedPackage>): ShippedPackage => ({
  name: 'zod',
  version: '4.0.0',
  licence: 'MIT',
  folder: 'node_modules/zod',
  shippedIn: ['diff-user'],
  ...given,
});
