import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'connection-file-'));
const FILE = join(directory, 'cloud.json');
vi.stubEnv('USER_SYNC_CONNECTION_FILE', FILE);
vi.resetModules();
const { publishConnection, readConnection } = await import(
  '../../../../infra/cli/support/connection-file.ts'
);
afterAll(() => {
  vi.resetModules();
  rmSync(directory, { recursive: true });
});

it('a file that a killed process left behind counts as no system', () => {
  const connection = {
    environment: {},
    outputs: { QueueUrl: 'http://queue' },
    logFile: '/tmp/functions.log',
  };
  const withdraw = publishConnection(connection);
  expect(readConnection()).toEqual(connection);
  const { pid } = spawnSync(process.execPath, ['--version']);
  writeFileSync(FILE, JSON.stringify({ ...JSON.parse(readFileSync(FILE, 'utf8')), pid }));
  expect(readConnection()).toBeUndefined();
  withdraw();
  expect(readConnection()).toBeUndefined();
});
