import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AcceptanceReport } from '../../infra/cli/acceptance/report.ts';
import { publishConnection } from '../../infra/cli/support/connection-file.ts';
import { BUSY_SLACK_MS } from '../demo/busy-machine.ts';
import { population } from '../demo/population.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import { commandsOn } from '../support/command.ts';
import { inSyncWith } from '../support/held.ts';

const SETTLE_MS = 60_000;
/** A run of four users takes about so long: its own requests to the CRM are a second apart. */
const RUN_MS = 25_000;
const USERS = population(3, 51, Date.now()).users;
const SMALL = ['--users', '4', '--yes', '--json'];

let running: SimulatedSystem;
let withdraw = () => {};
const command = commandsOn(() => running.system);
beforeAll(async () => {
  running = await startSimulatedSystem({
    simulator: ['--latency-median', '20', '--latency-p95', '60'],
    settings: { crm: { windowSlackMs: BUSY_SLACK_MS } },
  });
  withdraw = publishConnection(running.system.connection);
  await Promise.all(USERS.map((user) => running.system.app.signUp(user)));
  await running.system.cloud.untilIdle(SETTLE_MS);
});
afterAll(async () => {
  withdraw();
  await running?.stop();
});

/** All that is left of any run, and how the app's own users are. */
async function afterwards() {
  const { system, door } = running;
  await system.cloud.untilIdle(SETTLE_MS);
  const { existingSyncItems } = await system.items();
  return {
    users: (await system.app.users()).length - USERS.length,
    contacts: (await door.contacts()).length - USERS.length,
    items: existingSyncItems.filter((item) => JSON.stringify(item).includes('acceptance')),
    leases: existingSyncItems.filter(({ id }) => id?.S?.startsWith('lease#')),
    deadLetters: await system.deadLetters(),
    problems: (await inSyncWith(running)).problems,
  };
}
const NOTHING = { users: 0, contacts: 0, items: [], leases: [], deadLetters: 0, problems: [] };

describe('npx --no user-sync acceptance', () => {
  it('proves a system that works, and leaves nothing behind', async () => {
    const before = (await running.door.stats()).totalRequests;
    const { code, out, err } = await command('acceptance', SMALL);
    expect({ code, err: code === 0 ? '' : err + out }).toEqual({ code: 0, err: '' });
    const report: AcceptanceReport = JSON.parse(out);
    expect(report).toMatchObject({
      ok: true,
      deviations: [],
      stopped: null,
      notReturned: [],
      latencyMs: {
        created: { count: 4 },
        fields: { count: 2 },
        tags: { count: 1 },
        email: { count: 1 },
        handover: { count: 1 },
        deleted: { count: 1 },
      },
      requests: { sync: { users: 4, perNewUser: 2 } },
      cleanUp: { users: 3, contacts: 4, remaining: [] },
      earlier: null,
    });
    const { sync, own } = report.requests;
    expect((await running.door.stats()).totalRequests - before).toBeGreaterThanOrEqual(
      own + (sync?.total ?? 0),
    );
    expect(await afterwards()).toEqual(NOTHING);
    const { windows } = JSON.parse((await command('quota', ['--json'])).out);
    expect(windows[1].used).toBeGreaterThanOrEqual((await running.door.stats()).totalRequests);
  });

  it('names what is not as it should be, and fails', async () => {
    const removing = (async () => {
      for (;;) {
        const mine = (await running.door.contacts()).find(({ values }) =>
          /^acceptance\+\w+-4@/.test(values['email_addresses.EMAIL1'] ?? ''),
        );
        const isTagged = (mine?.tags.length ?? 0) > 2;
        if (mine && isTagged) return running.door.removeContact(mine.id);
        await sleep(100);
      }
    })();
    const { code, out } = await command('acceptance', SMALL);
    await removing;
    expect(code).toBe(1);
    const { ok, deviations, cleanUp }: AcceptanceReport = JSON.parse(out);
    const about = { userId: expect.stringMatching(/^acceptance-\w+-4$/), field: 'contact', found: null };
    expect({ ok, deviations, remaining: cleanUp.remaining }).toEqual({
      ok: false,
      deviations: [
        { ...about, change: 'created', expected: expect.stringMatching(/^contact \d+$/) },
        { ...about, change: 'deleted', expected: 'kept' },
      ],
      remaining: [],
    });
    expect(await afterwards()).toEqual(NOTHING);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'leaves nothing behind when %s ends it at a random moment',
    async (signal) => {
      const moment = Math.random() * RUN_MS;
      const child = spawn(process.execPath, ['infra/cli/main.ts', 'acceptance', '--local', ...SMALL], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const begun = once(child.stdout, 'data');
      const ended = once(child, 'close');
      await Promise.race([sleep(moment), begun]);
      child.kill(signal);
      await ended;
      if (signal === 'SIGKILL') {
        const { code, out, err } = await command('acceptance', ['--clean-up', '--yes']);
        expect({ code, moment, text: code === 0 ? '' : err + out }).toEqual({ code: 0, moment, text: '' });
      }
      expect({ moment, ...(await afterwards()) }).toEqual({ moment, ...NOTHING });
    },
  );

  it('makes nothing while requests are paused, or when nobody can be asked', async () => {
    expect(await command('acceptance', ['--users', '4'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/creates 4 users[\s\S]*not a terminal.*--yes/),
    });
    await command('quota', ['--pause', '5']);
    expect(await command('acceptance', SMALL)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/are paused.*npx --no user-sync quota/),
    });
    await command('quota', ['--resume']);
    expect(await afterwards()).toEqual(NOTHING);
  });
});
