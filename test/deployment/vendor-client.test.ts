import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { simulatorClient } from '../demo/simulator-client.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import { type RunningSimulator, startSimulator } from '../simulator/start-simulator.ts';
import { pythonTools } from './python-tools.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('read-by-vendor-client.py', import.meta.url));
const CONTACTS = 2500;

let simulator: RunningSimulator;
beforeAll(async () => {
  simulator = await startSimulator({ latency: { medianMs: 0, p95Ms: 0 }, searchDelayMs: 0 });
});
afterAll(() => simulator?.stop());

it("the vendor's own client reads the lists of version 2 from the simulator", async () => {
  const since = new Date(Date.now() - 60_000).toISOString();
  const statuses = ['SingleOptIn', 'DoubleOptin', 'ListUnsubscribe', 'HardBounce', 'Manual'] as const;
  await simulatorClient(simulator.url).addContacts(
    Array.from({ length: CONTACTS }, (_, index) => ({
      values: {
        'email_addresses.EMAIL1': `p${index}@example.com`,
        given_name: `P${index}`,
        'phone_numbers.PHONE1': '+4915112345678',
        'addresses.BILLING.line1': 'Street 1',
        'social_accounts.LinkedIn': 'p',
      },
      customFields: { Coach: 'Zoe' },
      tags: index % 2 === 0 ? ['Customer'] : [],
      emailStatus: statuses[index] ?? 'SingleOptIn',
      isNew: true,
    })),
  );
  const python = `${await pythonTools()}python`;
  const { stdout } = await run(python, [SCRIPT, simulator.url, DEFAULT_TOKEN, since]);
  expect(JSON.parse(stdout)).toEqual({
    contacts: CONTACTS,
    tagged: CONTACTS / 2,
    statuses: ['DOUBLE_OPT_IN', 'HARD_BOUNCE', 'LIST_UNSUBSCRIBE', 'MANUAL', 'SINGLE_OPT_IN'],
    tags: CONTACTS / 2,
    addresses: {
      'p2@example.com': 'LIST_UNSUBSCRIBE',
      'p3@example.com': 'HARD_BOUNCE',
      'p4@example.com': 'MANUAL',
    },
  });
});
