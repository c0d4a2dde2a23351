import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { advisoriesAgainst } from '../../../../infra/operate/shipped/advisories.ts';
import { npmAudit } from '../../../../infra/operate/shipped/npm-audit.ts';
import { shipped } from './shipped.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const ADVISORIES = '/-/npm/v1/security/advisories/bulk';

const cache = mkdtempSync(join(tmpdir(), 'npm-cache-'));
let registry: Server;
let answer: (path: string, response: ServerResponse) => void;

beforeEach(async () => {
  registry = createServer(({ url = '' }, response) => answer(url, response)).listen(0, '127.0.0.1');
  await new Promise((resolve) => registry.once('listening', resolve));
  const { port } = registry.address() as AddressInfo;
  vi.stubEnv('npm_config_registry', `http://127.0.0.1:${port}`);
  vi.stubEnv('npm_config_cache', cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  registry.close();
  rmSync(cache, { recursive: true, force: true });
});

it('tells the advisories that a registry knows, as npm writes them', async () => {
  const advisory = {
    id: 1,
    url: 'https://github.com/advisories/GHSA-1',
    title: 'Denial of service',
    severity: 'high',
    vulnerable_versions: '>=0.0.0',
  };
  answer = (path, response) =>
    path === ADVISORIES
      ? response.end(JSON.stringify({ zod: [advisory], vitest: [advisory] }))
      : response.writeHead(404).end('{}');
  expect(advisoriesAgainst([shipped({})], await npmAudit(ROOT))).toEqual([
    {
      package: 'zod 4.0.0',
      severity: 'high',
      title: 'Denial of service',
      url: 'https://github.com/advisories/GHSA-1',
    },
  ]);
}, 60_000);

it('tells that a registry has none', async () => {
  answer = (_, response) => response.end('{}');
  expect(advisoriesAgainst([shipped({})], await npmAudit(ROOT))).toEqual([]);
}, 60_000);

it('is nothing to go by where a registry does not answer', async () => {
  answer = (_, response) => response.writeHead(405).end();
  expect(advisoriesAgainst([shipped({})], await npmAudit(ROOT))).toBeUndefined();
}, 60_000);
