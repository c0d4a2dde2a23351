import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TOKEN } from '../simulator.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

describe('npm run simulator', () => {
  it('prints its URL on one line, and exits on SIGTERM while a request hangs', async () => {
    const child = spawn(process.execPath, [MAIN, '--fault-rate', '1', '--fault-kinds', 'hang'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(child, 'exit');
    try {
      const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
      const url = /^Simulator listening on (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(line)?.[1];
      const hanging = fetch(`${url}/crm/rest/v1/tags`, { headers: { 'x-keap-api-key': DEFAULT_TOKEN } });
      const broken = expect(hanging).rejects.toThrow();
      await expect
        .poll(async () => (await fetch(`${url}/_simulator/stats`)).json(), { timeout: 5000 })
        .toMatchObject({ faults: 1 });
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      await broken;
    } finally {
      child.kill('SIGKILL');
    }
  }, 20_000);
});
