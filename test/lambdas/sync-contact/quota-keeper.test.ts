import { Logger } from '@aws-lambda-powertools/logger';
import { describe, expect, it } from 'vitest';
import { quotaKeeper } from '../../../lambdas/sync-contact/quota-keeper.ts';
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
  const keeper = quotaKeeper({ store, gate, budget, logger, now: () => clock.now });
  const make = (requests: number) => {
    for (let made = 0; made < requests; made++) gate.started(clock.now);
  };
  return { gate, keeper, make };
}

describe('environments that share a ledger', () => {
  it('know of each other’s requests, and stop the backfill before the live changes', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const [one, two] = [environment(table, clock), environment(table, clock)];
    expect(await one.keeper.open()).toEqual({ pause: undefined, backfillPausedUntil: undefined });
    one.make(500);
    await one.keeper.close();
    two.make(300);
    await two.keeper.close();
    expect(await one.keeper.open()).toEqual({ pause: undefined, backfillPausedUntil: MIDNIGHT });
    one.make(175);
    await one.keeper.close();
    expect(await two.keeper.open()).toMatchObject({ pause: { reason: 'day', until: MIDNIGHT } });
    expect(() => two.gate.enter(NOON)).toThrow(/day is spent/);
  });

  it('stop when one of them is refused, and all go on by themselves after the reset', async () => {
    const clock = { now: NOON };
    const table = memoryStore<Ledger>();
    const [one, two] = [environment(table, clock), environment(table, clock)];
    await one.keeper.open();
    one.make(1);
    one.gate.answered({ headers: spent, exceeded: 'day', startedAt: NOON }, NOON);
    await one.keeper.close();
    expect((await two.keeper.open()).pause).toMatchObject({ reason: 'day', until: MIDNIGHT });
    clock.now = MIDNIGHT;
    for (const { keeper, gate } of [one, two]) {
      expect((await keeper.open()).pause).toBeUndefined();
      gate.enter(clock.now);
    }
  });

  it('write nothing for a batch without a request, and once for any other', async () => {
    const table = memoryStore<Ledger>();
    const { keeper, make } = environment(table, { now: NOON });
    await keeper.open();
    await keeper.close();
    expect(await table.read()).toBeUndefined();
    make(3);
    await keeper.close();
    expect(await table.read()).toMatchObject({ version: 1, value: { day: { used: 3 } } });
  });
});

it('a ledger that cannot be reached holds up nobody, and its requests are recorded later', async () => {
  const table = memoryStore<Ledger>();
  let broken = true;
  const store: VersionedStore<Ledger> = {
    read: async () => {
      if (broken) throw new Error('throttled');
      return table.read();
    },
    write: table.write,
  };
  const { keeper, make } = environment(store, { now: NOON });
  expect(await keeper.open()).toEqual({ pause: undefined, backfillPausedUntil: undefined });
  make(4);
  await keeper.close();
  broken = false;
  await keeper.open();
  make(2);
  await keeper.close();
  expect((await table.read())?.value.day.used).toBe(6);
});
