import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AcceptanceReport } from '../../infra/cli/acceptance/report.ts';
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

// Beside the other tests of the command, since the sync waits a minute before a contact counts as gone.
describe('npx --no user-sync acceptance', () => {
  it('fails with the deviations of a system that does not work', async () => {
    const removing = (async () => {
      for (;;) {
        const lastUser = (await running.door.contacts()).find(({ values }) =>
          /^acceptance\+\w+-4@/.test(values['email_addresses.EMAIL1'] ?? ''),
        );
        const isTagged = (lastUser?.tags.length ?? 0) > 2;
        if (lastUser && isTagged) return running.door.removeContact(lastUser.id);
        await sleep(100);
      }
    })();
    const { code, out } = await command('acceptance', SMALL_RUN);
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
    expect(await leftBehind()).toEqual(NOTHING_LEFT);
  });
});
