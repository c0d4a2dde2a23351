import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { withFiveTags } from '../users/deploy-five-tags.ts';
import { mapping } from '../users/five-tags.ts';

it('writes the mapping of five tags to a file that the stack can load', async () => {
  const path = (file: string) => fileURLToPath(new URL(`../../../${file}`, import.meta.url));
  const loaded = await withFiveTags(async (file) => {
    expect(file).toMatch(/^shared\/user\//);
    const module: { mapping: unknown } = await import(path(file));
    return module.mapping;
  });
  expect(loaded).toBe(mapping);
});
