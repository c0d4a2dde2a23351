import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { assemblyDirectory, synthesizedAssembly } from './synthesized-assembly.ts';

const SETTINGS = { stackName: 'cache-test' };
const SOURCE = fileURLToPath(new URL('../../shared/changed-source.json', import.meta.url));
const MAPPING = fileURLToPath(new URL('../../shared/user/cache.under-test.ts', import.meta.url));
afterEach(() => {
  for (const file of [SOURCE, MAPPING, assemblyDirectory(SETTINGS)])
    rmSync(file, { recursive: true, force: true });
});

it('reuses the assembly of the same settings and sources', async () => {
  const directory = assemblyDirectory(SETTINGS);
  mkdirSync(directory, { recursive: true });
  expect(await synthesizedAssembly(SETTINGS)).toBe(directory);
});

it('uses another directory after a change of a setting or source', () => {
  const before = assemblyDirectory(SETTINGS);
  expect(assemblyDirectory({ ...SETTINGS, tracing: true })).not.toBe(before);
  writeFileSync(SOURCE, '{}');
  expect(assemblyDirectory(SETTINGS)).not.toBe(before);
});

it('depends on the mapping of a test only when the settings name it', () => {
  const mapping = 'shared/user/cache.under-test.ts';
  const [before, beforeWithMapping] = [assemblyDirectory(SETTINGS), assemblyDirectory({ mapping })];
  writeFileSync(MAPPING, '');
  expect(assemblyDirectory(SETTINGS)).toBe(before);
  expect(assemblyDirectory({ mapping })).not.toBe(beforeWithMapping);
});

it('fails with the message of the app for a wrong setting, and leaves no directory', async () => {
  const wrong = { crm: { latencyP95Ms: -1 } };
  await expect(synthesizedAssembly(wrong)).rejects.toThrow(/crm\.latencyP95Ms/);
  expect(existsSync(assemblyDirectory(wrong))).toBe(false);
});
