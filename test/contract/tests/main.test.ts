import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('npm run check:contract fails for a document that does not exist, before it starts anything', async () => {
  const run = promisify(execFile)(process.execPath, ['test/contract/main.ts', 'nowhere.yml']);
  await expect(run).rejects.toMatchObject({ code: 1, stderr: '✗ Cannot read nowhere.yml\n', stdout: '' });
});
