import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, getPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { startDynamoDbLocal } from '../../local-cloud/emulators/dynamodb-local.ts';

it('runs DynamoDB Local with a lower priority than the functions', async () => {
  const { pid, stop } = await startDynamoDbLocal();
  try {
    expect(pid).toBeDefined();
    expect(getPriority(pid)).toBe(constants.priority.PRIORITY_BELOW_NORMAL);
  } finally {
    await stop();
  }
});

const EMULATOR = JSON.stringify(new URL('../../local-cloud/emulators/dynamodb-local.ts', import.meta.url));
const START = `
  const { startDynamoDbLocal } = await import(${EMULATOR});
  const { endpoint, pid, stop } = await startDynamoDbLocal();
  setInterval(() => {}, 1000);
`;
/** Still needs the database after the signal. */
const HANDLE_SIGNAL = `
  process.once('SIGINT', async () => {
    await fetch(endpoint);
    await stop();
    process.exit(0);
  });
`;

it.each([
  ['at once', '', { code: null, signal: 'SIGINT' }],
  ['when the process has handled the signal', HANDLE_SIGNAL, { code: 0, signal: null }],
])('ends DynamoDB Local with its process after Ctrl-C, %s', async (_, handle, end) => {
  // Ctrl-C in a terminal reaches the whole process group.
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', `${START}${handle}console.log(pid);`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    },
  );
  const exited = once(child, 'exit');
  const [pid] = await once(createInterface(child.stdout), 'line');
  process.kill(-(child.pid ?? 0), 'SIGINT');
  const [code, signal] = await exited;
  expect({ code, signal }).toEqual(end);
  await expect.poll(() => isRunning(Number(pid)), { timeout: 10_000 }).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
