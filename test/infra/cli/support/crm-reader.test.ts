import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { operatorCrm } from '../../../../infra/cli/support/crm-reader.ts';
import { tags } from '../../../../shared/infusionsoft/resources/tags.ts';
import { emptyLedger, type Pause, reserve } from '../../../../shared/quota/ledger.ts';
import { PRESETS } from '../../../../shared/quota/limits.ts';
import { syncTable } from '../../../../shared/store/sync-table.ts';
import { DEFAULT_TOKEN } from '../../../simulator/simulator.ts';
import { startCrm } from '../../../support/crm-under-test.ts';
import { fakeDynamoDb } from '../../../support/fake-dynamodb.ts';

const HOUR_MS = 3_600_000;
const secrets = mockClient(SecretsManagerClient);
let crm: Awaited<ReturnType<typeof startCrm>>;
beforeEach(async () => {
  secrets.reset();
  secrets.on(GetSecretValueCommand).resolves({
    SecretString: JSON.stringify({ kind: 'service-account-key', key: DEFAULT_TOKEN }),
  });
  crm = await startCrm({ isServer: true });
});
afterEach(async () => {
  vi.useRealTimers();
  await crm.stop();
});
afterAll(() => secrets.restore());

/** A command on a machine whose clock is wrong. AWS has the right time. */
function commandWith({ clockErrorMs = 0, stopsAtReserve = false, windowSlackMs = 45 } = {}) {
  const now = Date.now();
  const started = performance.now();
  const trueNow = () => now + performance.now() - started;
  const db = fakeDynamoDb({ now: trueNow });
  vi.useFakeTimers({ toFake: ['Date'], now: now + clockErrorMs });
  const outputs: Record<string, string> = {
    CrmUrl: crm.url,
    SyncTableName: 'sync',
    SecretArn: 'secret',
    QuotaSettings: JSON.stringify({ limits: PRESETS.team, liveReserve: 0.2, tagBatch: 100, windowSlackMs }),
  };
  const command = operatorCrm({ get: (name) => outputs[name] ?? '' }, db.client, { stopsAtReserve });
  const listTags = () =>
    command.use(async (_, reader) => {
      const names: unknown[] = [];
      for await (const { name } of reader.list(tags)) names.push(name);
      return names;
    });
  return { table: syncTable(db.client, 'sync'), command, listTags, now, trueNow };
}

describe.each([
  ['right', 0],
  ['nine hours ahead', 9 * HOUR_MS],
  ['nine hours behind', -9 * HOUR_MS],
])('a command on a machine whose clock is %s', (_, clockErrorMs) => {
  it('counts its requests in the windows of the right time, and gives its rate back', async () => {
    await crm.client.createTag('Yogi', '');
    const { table, command, listTags, now } = commandWith({ clockErrorMs });
    expect(await listTags()).toEqual(['Yogi']);
    expect(command.requests()).toBe(2);
    // One more is counted in advance.
    const ledger = (await table.ledger.read())?.value;
    expect(ledger?.own).toMatchObject(reserve(emptyLedger(now), 3).own);
    expect((await table.slots.read())?.value.leases).toMatchObject([{ rate: 2, ms: 1045, until: null }]);
  });

  it('makes no request during a pause, and leaves the pause in place', async () => {
    const { table, command, listTags, now } = commandWith({ clockErrorMs });
    const pause: Pause = { reason: 'operator', since: now, until: now + HOUR_MS };
    await table.ledger.write({ ...emptyLedger(now), pause }, undefined);
    await expect(listTags()).rejects.toMatchObject({
      name: 'PausedError',
      message: expect.stringContaining(new Date(pause.until).toISOString()),
    });
    expect(command.requests()).toBe(0);
    expect((await table.ledger.read())?.value.pause).toEqual(pause);
  });

  it('records a pause that the CRM asks for, at the right time', async () => {
    const { table, listTags, trueNow } = commandWith({ clockErrorMs });
    await crm.admin.set('limits', { day: 0 });
    await expect(listTags()).rejects.toMatchObject({ name: 'RetryableError', afterMs: expect.any(Number) });
    const pause = (await table.ledger.read())?.value.pause;
    expect(pause?.reason).toBe('day');
    expect(Math.abs((pause?.since ?? 0) - trueNow())).toBeLessThan(10_000);
    expect((pause?.until ?? 0) - trueNow()).toBeLessThanOrEqual(24 * HOUR_MS);
  });
});

describe('the part of the quota that is reserved for live changes', () => {
  const spent = (now: number) => reserve(emptyLedger(now), 0.8 * PRESETS.team.day);

  it('is not used by a command that makes many requests', async () => {
    const { table, command, listTags, now } = commandWith({ stopsAtReserve: true });
    await table.ledger.write(spent(now), undefined);
    await expect(listTags()).rejects.toThrow(/reserved for live changes. It resets at \d{4}-/);
    expect(command.requests()).toBe(0);
  });

  it('is used by a command that makes a few', async () => {
    const { table, listTags, now } = commandWith();
    await table.ledger.write(spent(now), undefined);
    expect(await listTags()).toEqual([]);
  });
});
