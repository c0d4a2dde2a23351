import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Settings } from '../../infra/accounts.ts';

const CDK = fileURLToPath(new URL('../../node_modules/.bin/cdk', import.meta.url));
const CDK_JSON = new URL('../../cdk.json', import.meta.url);
const APP = fileURLToPath(new URL('../../infra/app.ts', import.meta.url));

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

/** A directory with the project's cdk.json and these settings. */
function projectWith(userSync: Settings): string {
  const directory = mkdtempSync(join(tmpdir(), 'cdk-'));
  directories.push(directory);
  const cdk = JSON.parse(readFileSync(CDK_JSON, 'utf8'));
  const app = `${process.execPath} ${APP}`;
  writeFileSync(
    join(directory, 'cdk.json'),
    JSON.stringify({ ...cdk, app, context: { ...cdk.context, userSync } }),
  );
  // Replaces the deployed template, so that `cdk diff` needs no AWS account.
  writeFileSync(join(directory, 'deployed.json'), JSON.stringify({ Resources: {} }));
  return directory;
}

function cdk(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(CDK, args, { cwd, encoding: 'utf8' });
  return { status, stdout, output: stdout + stderr };
}

const APPS: readonly [string, Settings, string[]][] = [
  ['one stack', {}, ['user-sync']],
  ['several accounts', { accounts: { live: {}, sandbox: {} } }, ['user-sync-live', 'user-sync-sandbox']],
];

// `cdk deploy NAME` selects stacks by construct id, as `cdk diff NAME` does.
describe.each(APPS)('the CDK CLI, with %s', (_, settings, names) => {
  const directory = projectWith(settings);

  it('lists each stack by its name', () => {
    const { stdout, output } = cdk(directory, 'list', '--output', 'assembly');
    expect(stdout.trim().split('\n'), output).toEqual(names);
  });

  it.each(names)('selects %s by its name', (name) => {
    const { status, output } = cdk(
      directory,
      'diff',
      name,
      '--app',
      'assembly',
      '--template',
      'deployed.json',
    );
    expect(output).toContain(`Stack ${name}\n`);
    expect(output).toContain('AWS::Lambda::Function');
    expect(output).toContain('Number of stacks with differences: 1');
    expect(status).toBe(0);
  });
});
