import { Logger } from '@aws-lambda-powertools/logger';
import { describe, expect, it } from 'vitest';
import { quotaTracker } from '../../../lambdas/sync-contact/quota-tracker.ts';
import { requestGate } from '../../../shared/infusionsoft/http/request-gate.ts';
import type { Ledger } from '../../../shared/quota/ledger.ts';
import { PRESETS } from '../../../shared/quota/limits.ts';
import type { VersionedStore } from '../../../shared/quota/versioned-store.ts';
import { memoryStore } from '../../support/memory-store.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MIDNIGHT = Date.parse('2026-06-16T00:00:00Z');
const budget = { limits: { ...PRESETS.team, day: 1000 }, liveReserve: 0.2 };
const spent = new Headers({ 'x-keap-product-quota-expiry-time': String(MIDNIGHT) });

function environment(store: VersionedStore<Ledger>, clock: { now: number }) {
  const gate = requestGate(25, () => 0);
  const logger = new Logger({ logLevel: 'SILENT' });
  const tracker = quotaTracker({ store, gate, budget, logger, now: () => clock.now });
  const make = (requests: number) => {
    for (let made = 0; made < requests; made++) gate.started(clock.now);
  };
  return { gate, tracker, make };
}

describe('environments that share a ledger', () => {
  it('count all requests, and pause the backfill before live changes', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const [one, two] = [environment(table, clock), environment(table, clock)];
    expect(await one.tracker.refresh()).toEqual({ pause: undefined, backfillPausedUntil: undefined });
    one.make(500);
    await one.tracker.recordUsage();
    two.make(300);
    await two.tracker.recordUsage();
    expect(await one.tracker.refresh()).toEqual({ pause: undefined, backfillPausedUntil: MIDNIGHT });
    one.make(175);
    await one.tracker.recordUsage();
    expect(await two.tracker.refresh()).toMatchObject({ pause: { reason: 'day', until: MIDNIGHT } });
    expect(() => two.gate.enter(NOON)).toThrow(/day is spent/);
  });

  it('pause when one of them is refused, and go on after the reset', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const [one, two] = [environment(table, clock), environment(table, clock)];
    await one.tracker.refresh();
    one.make(1);
    one.gate.answered({ headers: spent, exceeded: 'day', startedAt: NOON }, NOON);
    await one.tracker.recordUsage();
    expect((await two.tracker.refresh()).pause).toMatchObject({ reason: 'day', until: MIDNIGHT });
    clock.now = MIDNIGHT;
    for (const { tracker, gate } of [one, two]) {
      expect((await tracker.refresh()).pause).toBeUndefined();
      gate.enter(clock.now);
    }
  });

  it('write once for a batch, and not at all for a batch without a request', async () => {
    const table = memoryStore<Ledger>();
    const { tracker, make } = environment(table, { now: NOON });
    await tracker.refresh();
    await tracker.recordUsage();
    expect(await table.read()).toBeUndefined();
    make(3);
    await tracker.recordUsage();
    expect(await table.read()).toMatchObject({ version: 1, value: { day: { used: 3 } } });
  });
});

it('goes on without a ledger that cannot be read or written, and records the requests later', async () => {
  const table = memoryStore<Ledger>();
  let broken = true;
  const store: VersionedStore<Ledger> = {
    read: async () => {
      if (broken) throw new Error('throttled');
      return table.read();
    },
    write: table.write,
  };
  const { tracker, make } = environment(store, { now: NOON });
  expect(await tracker.refresh()).toEqual({ pause: undefined, backfillPausedUntil: undefined });
  make(4);
  await tracker.recordUsage();
  broken = false;
  await tracker.refresh();
  make(2);
  await tracker.recordUsage();
  expect((await table.read())?.value.day.used).toBe(6);
});
