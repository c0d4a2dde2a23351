import { describe, expect, it, vi } from 'vitest';
import { emptyLedger, record } from '../../../shared/quota/ledger.ts';
import { LedgerBusyError, updateLedger } from '../../../shared/quota/update-ledger.ts';
import { memorySyncTable } from '../../lambdas/sync-contact/crm.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const one = (ledger: Parameters<typeof record>[0]) => record(ledger, { starts: [NOW] }, NOW);

describe('the ledger in the table', () => {
  it('takes one write of what was read before', async () => {
    const table = memorySyncTable();
    await updateLedger(table, one);
    const known = await table.readLedger();
    const writeLedger = vi.fn(table.writeLedger);
    expect((await updateLedger({ ...table, writeLedger }, one, known)).day.used).toBe(2);
    expect(writeLedger).toHaveBeenCalledTimes(1);
  });

  it('loses no count of environments that write at the same moment', async () => {
    const table = memorySyncTable();
    const stale = await table.readLedger();
    await Promise.all(Array.from({ length: 5 }, () => updateLedger(table, one, stale)));
    expect((await table.readLedger())?.ledger.day.used).toBe(5);
  });

  it('gives up when it never comes to write', async () => {
    const table = {
      readLedger: async () => ({ ledger: emptyLedger(NOW), version: 1 }),
      writeLedger: async () => false,
    };
    await expect(updateLedger(table, one)).rejects.toThrow(LedgerBusyError);
  });
});
