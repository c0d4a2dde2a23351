import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { readAssembly } from '../local-cloud/template.ts';
import { synthesizedAssembly } from './synthesized-assembly.ts';

const SOURCE = fileURLToPath(new URL('../../shared/changed-source.json', import.meta.url));
const made: string[] = [];
afterEach(() => {
  rmSync(SOURCE, { force: true });
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

async function assemblyOf(stackName: string): Promise<string> {
  const directory = await synthesizedAssembly({ stackName });
  made.push(directory);
  return directory;
}

it('synthesizes again when a setting or a source has changed, and only then', async () => {
  const first = await assemblyOf('cache-one');
  writeFileSync(join(first, 'marker'), '');
  expect(await assemblyOf('cache-one')).toBe(first);
  const other = await assemblyOf('cache-two');
  expect(readAssembly(other).name).toBe('cache-two');
  writeFileSync(SOURCE, '{}');
  expect([first, other]).not.toContain(await assemblyOf('cache-one'));
}, 120_000);

it('fails with the message of the app for a wrong setting', async () => {
  await expect(synthesizedAssembly({ crm: { latencyP95Ms: -1 } })).rejects.toThrow(/crm\.latencyP95Ms/);
});
