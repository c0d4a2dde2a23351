import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AcceptanceReport } from '../../infra/cli/acceptance/report.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import {
  type AcceptanceSystem,
  NOTHING_LEFT,
  SMALL_RUN,
  startAcceptanceSystem,
} from '../support/acceptance-system.ts';

let acceptance: AcceptanceSystem;
let { running, command, leftBehind } = {} as AcceptanceSystem;
beforeAll(async () => {
  acceptance = await startAcceptanceSystem();
  ({ running, command, leftBehind } = acceptance);
});
afterAll(() => acceptance?.stop());

describe('npx --no user-sync acceptance', () => {
  it('proves a working system and leaves nothing behind', async () => {
    const before = (await running.controlApi.stats()).totalRequests;
    const { code, out, err } = await command('acceptance', SMALL_RUN);
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
    expect((await running.controlApi.stats()).totalRequests - before).toBeGreaterThanOrEqual(
      own + (sync?.total ?? 0),
    );
    expect(await leftBehind()).toEqual(NOTHING_LEFT);
    const { windows } = JSON.parse((await command('quota', ['--json'])).out);
    expect(windows[1].used).toBeGreaterThanOrEqual((await running.controlApi.stats()).totalRequests);
  });

  it('fails with the deviations when the contact is not what the sync wrote', async () => {
    const lastContactId = async () => {
      for (;;) {
        const lastUser = (await running.controlApi.contacts()).find(({ values }) =>
          /^acceptance\+\w+-4@/.test(values['email_addresses.EMAIL1'] ?? ''),
        );
        if ((lastUser?.tags.length ?? 0) > 2) return lastUser?.id;
        await sleep(100);
      }
    };
    const changing = lastContactId().then((id) =>
      fetch(`${running.simulator.url}/crm/rest/v1/contacts/${id}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${DEFAULT_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ family_name: 'Changed by hand' }),
      }),
    );
    const { code, out } = await command('acceptance', SMALL_RUN);
    expect({ code, changed: (await changing).status }).toEqual({ code: 1, changed: 200 });
    const { ok, deviations, cleanUp }: AcceptanceReport = JSON.parse(out);
    expect({ ok, deviations, remaining: cleanUp.remaining }).toEqual({
      ok: false,
      deviations: [
        {
          userId: expect.stringMatching(/^acceptance-\w+-4$/),
          change: 'created',
          field: 'family_name',
          expected: 'Test 4',
          found: 'Changed by hand',
        },
      ],
      remaining: [],
    });
    expect(await leftBehind()).toEqual(NOTHING_LEFT);
  });

  it('creates nothing while requests are paused, or when nobody can confirm', async () => {
    expect(await command('acceptance', ['--users', '4'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/creates 4 users[\s\S]*not a terminal.*--yes/),
    });
    await command('quota', ['--pause', '5']);
    expect(await command('acceptance', SMALL_RUN)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/are paused.*npx --no user-sync quota/),
    });
    await command('quota', ['--resume']);
    expect(await leftBehind()).toEqual(NOTHING_LEFT);
  });
});
