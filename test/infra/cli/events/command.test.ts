import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { json, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { marshall } from '@aws-sdk/util-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog } from '../../../../shared/store/event-store.ts';

const MAIN = fileURLToPath(new URL('../../../../infra/cli/main.ts', import.meta.url));
const EVENT = { id: 'e1', type: 'tag.applied', time: '2026-06-15T12:00:00Z', subject: 'ann', contactId: 7 };

let aws: Server;
let directory: string;
/** Actions that the command has asked of AWS. */
let actions: string[];
/** The last events, for each read of the log. */
let logs: EventLog['recent'][];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'events-'));
  [actions, logs] = [[], []];
  aws = createServer(async (request, response) => {
    actions.push(String(request.headers['x-amz-target']).split('.').at(-1) ?? '');
    const { Key } = (await json(request)) as { Key?: { id: { S: string } } };
    const recent = Key?.id.S === 'events' ? logs.shift() : undefined;
    response.end(JSON.stringify(recent ? { Item: marshall({ id: 'events', counts: {}, recent }) } : {}));
  }).listen(0, '127.0.0.1');
  await once(aws, 'listening');
});
afterEach(() => {
  aws.closeAllConnections();
  aws.close();
  rmSync(directory, { recursive: true });
});

function start(...args: string[]) {
  const endpoint = `http://127.0.0.1:${(aws.address() as AddressInfo).port}`;
  const file = join(directory, 'cloud.json');
  const connection = {
    pid: process.pid,
    logFile: 'none',
    environment: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
    outputs: {
      EventBusArn: 'arn:bus',
      EventSettings: JSON.stringify({
        intervalMinutes: 15,
        optOutMinutes: 60,
        listing: 'off',
        resources: [],
      }),
      SyncTableName: 'sync',
      QueueUrl: `${endpoint}/queue.fifo`,
    },
  };
  writeFileSync(file, JSON.stringify(connection));
  return spawn(process.execPath, [MAIN, 'events', '--local', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, USER_SYNC_CONNECTION_FILE: file },
  });
}

describe('user-sync events', () => {
  it('prints each event as a line of JSON, as it is published', async () => {
    logs = [[{ ...EVENT, id: 'before' }], [EVENT, { ...EVENT, id: 'before' }]];
    const child = start('--tail', '--json');
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    child.kill();
    expect(JSON.parse(line)).toEqual(EVENT);
  });

  it('refuses a replay before the first full listing is complete, and sends nothing', async () => {
    const child = start('--replay', '--since', '2026-06-15');
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(stderr).toMatch(/^✗ Events have not begun: the first full listing is not complete/);
    expect(code).toBe(1);
    expect(actions).toEqual(['GetItem']);
  });
});
