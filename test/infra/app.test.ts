import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const APP = fileURLToPath(new URL('../../infra/app.ts', import.meta.url));

it('prints the invalid settings of cdk.json without a stack trace', () => {
  const userSync = { crm: { limit: 'team' }, deletionPolicy: 'forget' };
  const { status, stderr, stdout } = spawnSync(process.execPath, [APP], {
    encoding: 'utf8',
    env: { ...process.env, CDK_CONTEXT_JSON: JSON.stringify({ userSync }) },
  });
  expect(stderr.trimEnd().split('\n')).toEqual([
    'Invalid settings in cdk.json, under "context":',
    expect.stringMatching(/^ {2}userSync\.crm\.limit: is not a setting; use one of url, limits,/),
    expect.stringMatching(/^ {2}userSync\.deletionPolicy: .*"mark"\|"untag"\|"leave"\|"delete"\|"anonymise"/),
  ]);
  expect(stdout).toBe('');
  expect(status).toBe(1);
}, 60_000);
