import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../../infra/cli/main.ts', import.meta.url));

function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, stderr: text(child.stderr), exit: once(child, 'exit') };
}

describe('user-sync', () => {
  it('ends without an error when nobody reads its output', async () => {
    const { child, stderr, exit } = start('crm', 'resources');
    child.stdout.destroy();
    expect(await exit).toEqual([0, null]);
    expect(await stderr).toBe('');
  });

  it.each([
    ['an empty user id, such as an unset variable of a shell', ['forget', '--user', ''], 'must not be empty'],
    ['a pause that messages do not outlast', ['quota', '--pause', '20161'], '20160 at most'],
    ['a replay from the future', ['events', '--replay', '--since', '2999-01-01'], 'must be in the past'],
  ])('refuses %s', async (_, args, problem) => {
    const { stderr, exit } = start(...args);
    expect(await exit).toEqual([2, null]);
    expect(await stderr).toContain(problem);
  });

  it('names a file that it cannot write', async () => {
    const { stderr, exit } = start('catalog', '--write', '/no/such/folder/page.md');
    expect(await exit).toEqual([1, null]);
    expect(await stderr).toMatch(/^✗ ENOENT: .*\/no\/such\/folder\/page\.md'\.\n$/);
  });
});
