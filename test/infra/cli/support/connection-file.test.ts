import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { publishConnection, readConnection } from '../../../../infra/cli/support/connection-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'connection-file-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('a file that a killed process left behind counts as no system', () => {
  const file = join(directory, 'cloud.json');
  vi.stubEnv('USER_SYNC_CONNECTION_FILE', file);
  const connection = {
    environment: {},
    outputs: { QueueUrl: 'http://queue' },
    logFile: '/tmp/functions.log',
  };
  const withdraw = publishConnection(connection);
  expect(readConnection()).toEqual(connection);
  const { pid } = spawnSync(process.execPath, ['--version']);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), pid }));
  expect(readConnection()).toBeUndefined();
  withdraw();
  expect(readConnection()).toBeUndefined();
});
