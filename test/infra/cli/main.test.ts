import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readAppConfigs } from '../../../infra/cli/support/app-configs.ts';

const MAIN = fileURLToPath(new URL('../../../infra/cli/main.ts', import.meta.url));
const STACKS = readAppConfigs()
  .map(({ stackName }) => stackName)
  .join(', ');

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
    [
      'a contact for a list of erasure records',
      ['forget', '--list', '--contact', '4711'],
      '--contact belongs to --user',
    ],
    [
      'to create tags while it only writes a page',
      ['catalog', '--write', '/no/such/folder/page.md', '--create'],
      '--write and --create',
    ],
    [
      'two formats of a list',
      ['crm', 'list', 'contacts', '--json', '--format', 'csv'],
      '--json and --format',
    ],
    [
      'a CRM without encryption',
      ['authorize', '--crm-url', 'http://crm.example.com'],
      'must begin with https://',
    ],
    [
      'an authorization page that is no address',
      ['authorize', '--authorize-url', 'accounts.example.com'],
      'must be a URL',
    ],
    [
      'to deploy a stack that cdk.json does not have',
      ['deploy', '--stack', 'typo'],
      `cdk.json has no stack typo. Stacks in cdk.json: ${STACKS}.`,
    ],
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
