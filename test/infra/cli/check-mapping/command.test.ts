import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../../../infra/cli/main.ts', import.meta.url));
const OWN_MAPPING = new URL('../../../../shared/user/mapping.ts', import.meta.url).href;

const directory = mkdtempSync(join(tmpdir(), 'check-mapping-'));
afterAll(() => rmSync(directory, { recursive: true }));

const check = (...args: string[]) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [MAIN, 'check-mapping', ...args], (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });

describe('user-sync check-mapping', () => {
  it('prints the problems as JSON, and exits with 1', async () => {
    const file = join(directory, 'twice.ts');
    writeFileSync(
      file,
      `import { mapping as own } from '${OWN_MAPPING}';
export const mapping = { ...own, tagGroups: [...own.tagGroups, own.tagGroups[0]] };`,
    );
    const { code, out } = await check('--json', file);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      files: [file],
      problems: expect.arrayContaining([expect.stringContaining('App User')]),
    });
  });

  it('names a file that cannot be loaded', async () => {
    const file = join(directory, 'broken.ts');
    writeFileSync(file, 'export const mapping = {;');
    const { code, err } = await check(file);
    expect(code).toBe(1);
    expect(err).toContain(`✗ ${file} cannot be loaded (SyntaxError: `);
  });

  it('exits with 0 for the mapping of this repository', async () => {
    expect(await check()).toMatchObject({ code: 0, out: expect.stringContaining('no problems') });
  });
});
