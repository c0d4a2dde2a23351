import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { synthesize } from '../../infra/app.ts';
import { readAssembly } from '../local-cloud/template.ts';

const MAPPING = fileURLToPath(new URL('../../shared/user/mapping.under-test.ts', import.meta.url));
const outdir = mkdtempSync(join(tmpdir(), 'user-sync-'));

beforeAll(() => {
  writeFileSync(
    MAPPING,
    `import { type Mapping, tagGroup } from './define-mapping.ts';
import { mapping as shared } from './mapping.ts';
export const mapping: Mapping = {
  ...shared,
  tagGroups: [tagGroup({ tags: { 'Only In The Sandbox': 'Always' }, pick: () => 'Only In The Sandbox' })],
};
`,
  );
  synthesize(
    { accounts: { production: {}, sandbox: { mapping: 'shared/user/mapping.under-test.ts' } } },
    { outdir },
  );
}, 120_000);
afterAll(() => {
  rmSync(MAPPING);
  rmSync(outdir, { recursive: true });
});

/** The bundled code of a stack's functions. */
function codeOf(stackName: string): string[] {
  const { assets } = readAssembly(outdir, stackName);
  return [...assets.values()]
    .map((path) => join(path, 'index.mjs'))
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, 'utf8'));
}
const mentions = (code: string[], name: string) => code.filter((each) => each.includes(name)).length;

it('each account has its own template, and functions with its own mapping', () => {
  expect(readdirSync(outdir)).toEqual(
    expect.arrayContaining(['user-sync-production.template.json', 'user-sync-sandbox.template.json']),
  );
  expect(mentions(codeOf('user-sync-sandbox'), 'Only In The Sandbox')).toBe(3);
  expect(mentions(codeOf('user-sync-production'), 'Only In The Sandbox')).toBe(0);
});

it('the local cloud requires the name of a stack to run', () => {
  expect(() => readAssembly(outdir)).toThrow(
    /Name one stack of the assembly .*: it holds user-sync-production, user-sync-sandbox/,
  );
});
