import { afterEach, describe, expect, it, vi } from 'vitest';
import { changePause } from '../../../infra/cli/quota.ts';
import { emptyLedger, ledgerAt, type Pause, reserve } from '../../../shared/quota/ledger.ts';
import { syncTable } from '../../../shared/store/sync-table.ts';
import { fakeDynamoDb } from '../../support/fake-dynamodb.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.parse('2026-06-15T22:00:00Z');
afterEach(() => vi.useRealTimers());

/** A ledger with 124,000 requests of the day, and a machine whose clock is wrong. */
async function operatorWith(clockErrorMs: number, pause: Pause | null = null) {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW + clockErrorMs });
  const { client } = fakeDynamoDb({ now: () => NOW });
  const { ledger } = syncTable(client, 'sync');
  await ledger.write({ ...reserve(emptyLedger(NOW), 124_000), pause }, undefined);
  return (options: Parameters<typeof changePause>[2]) => changePause(client, 'sync', options);
}

describe.each([
  ['right', 0],
  ['three hours ahead', 3 * HOUR_MS],
  ['three hours behind', -3 * HOUR_MS],
])('an operator whose clock is %s', (_, clockErrorMs) => {
  it('pauses all requests for as long as asked, and the requests of the day stay counted', async () => {
    const change = await operatorWith(clockErrorMs);
    const { ledger, now } = await change({ pause: 60 });
    expect(now).toBeCloseTo(NOW, -4);
    expect(ledger?.pause).toEqual({ reason: 'operator', since: now, until: now + HOUR_MS });
    expect(ledgerAt(ledger, NOW).own.day.used).toBe(124_000);
  });

  it('keeps a longer pause, such as one until midnight after the quota of the day, and replaces a shorter one', async () => {
    const untilMidnight: Pause = { reason: 'day', since: NOW - HOUR_MS, until: NOW + 2 * HOUR_MS };
    const change = await operatorWith(clockErrorMs, untilMidnight);
    expect((await change({ pause: 5 })).ledger?.pause).toEqual(untilMidnight);
    const { ledger, now } = await change({ pause: 180 });
    expect(ledger?.pause).toEqual({ reason: 'operator', since: now, until: now + 3 * HOUR_MS });
  });

  it('resumes, and what the CRM reports from then on counts', async () => {
    const change = await operatorWith(clockErrorMs);
    await change({ pause: 60 });
    const { ledger, now } = await change({ resume: true });
    expect(ledger?.pause).toBeNull();
    expect(ledger?.resumedAt).toBe(now);
    expect(now).toBeCloseTo(NOW, -4);
  });

  it('changes nothing by looking', async () => {
    const change = await operatorWith(clockErrorMs);
    expect((await change({})).ledger).toEqual(reserve(emptyLedger(NOW), 124_000));
  });
});
