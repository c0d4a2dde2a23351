import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Git does not see it, and below it bundles find this project's packages. */
const LOCAL = join(import.meta.dirname, '../../../.local');

/** A new directory of its own under .local/. */
export function temporaryDirectory(): string {
  mkdirSync(LOCAL, { recursive: true });
  return mkdtempSync(join(LOCAL, 'test-'));
}

/** Writes a function's code as a bundle. @returns the bundle's file. */
export function writeBundle(directory: string, code: string): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'index.mjs');
  writeFileSync(file, code);
  return file;
}
