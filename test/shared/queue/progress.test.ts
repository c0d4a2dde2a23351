import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addResults, type GroupResult, MAX_WAITING, progressSchema } from '../../../shared/queue/progress.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const result = (
  group: string,
  kind: GroupResult['result'],
  more: Partial<GroupResult> = {},
): GroupResult => ({
  group,
  at: NOON,
  result: kind,
  changedAt: NOON - MINUTE,
  ...more,
});

describe('progress', () => {
  it('has the time at which the CRM last accepted a request; other results do not change it', () => {
    const progress = addResults(undefined, [result('ann', 'synced')]);
    expect(progress).toEqual({ syncedAt: NOON, writtenAt: 0, activeAt: NOON, hiddenUntil: 0, waiting: [] });
    const later = addResults(progress, [
      result('bob', 'settled', { at: NOON + 1 }),
      result('cleo', 'failed', { at: NOON + 2, retryAt: NOON + 9 }),
    ]);
    expect(later).toMatchObject({ syncedAt: NOON, activeAt: NOON + 2, hiddenUntil: NOON + 9 });
  });

  it('keeps a failing group with its first failure and its oldest change until it is done', () => {
    const first = addResults(undefined, [result('ann', 'failed')]);
    const second = addResults(first, [result('ann', 'failed', { at: NOON + HOUR, changedAt: NOON })]);
    expect(second.waiting).toEqual([
      { group: 'ann', changedAt: NOON - MINUTE, failingSince: NOON, triedAt: NOON + HOUR },
    ]);
    for (const kind of ['synced', 'settled'] as const)
      expect(addResults(second, [result('ann', kind, { at: NOON + HOUR })]).waiting).toEqual([]);
  });

  it('does not count a spent quota as a failure of the user', () => {
    const failed = addResults(undefined, [result('ann', 'failed')]);
    const held = addResults(failed, [result('ann', 'held', { at: NOON + 1 })]);
    expect(held.waiting).toMatchObject([{ group: 'ann', failingSince: null }]);
    const backfill = addResults(undefined, [
      result('ann', 'held', { isBackfill: true, retryAt: NOON + HOUR }),
    ]);
    expect(backfill).toMatchObject({ waiting: [], hiddenUntil: NOON + HOUR });
  });

  it('drops a group that was not received for two hours while others were', () => {
    const before = addResults(undefined, [result('gone', 'failed')]);
    const at = NOON + 2 * HOUR;
    expect(addResults(before, [result('ann', 'synced', { at: at - 1 })]).waiting).toHaveLength(1);
    expect(addResults(before, [result('ann', 'synced', { at })]).waiting).toEqual([]);
  });

  it('keeps the oldest and the newest of many groups, so that an outage shows behind stuck users', () => {
    const stuck = Array.from({ length: 40 }, (_, index) =>
      result(`stuck${index}`, 'failed', { changedAt: NOON - HOUR + index }),
    );
    const names = addResults(addResults(undefined, stuck), [result('ann', 'failed')]).waiting.map(
      ({ group }) => group,
    );
    expect(names).toHaveLength(MAX_WAITING);
    expect([names[0], names.at(-1)]).toEqual(['stuck0', 'ann']);
  });

  it('stays small and valid, with the oldest changes first, after any results', () => {
    const results = fc.array(
      fc.record({
        group: fc.integer({ min: 0, max: 60 }).map(String),
        at: fc.integer({ min: NOON, max: NOON + HOUR }),
        result: fc.constantFrom('synced', 'settled', 'failed', 'held'),
        changedAt: fc.integer({ min: NOON - HOUR, max: NOON }),
      }),
    );
    fc.assert(
      fc.property(fc.array(results, { maxLength: 6 }), (batches) => {
        let progress = addResults(undefined, []);
        for (const batch of batches) {
          const before = progress;
          progress = addResults(progress, batch);
          expect(progressSchema.parse(progress)).toEqual(progress);
          expect(progress.waiting.length).toBeLessThanOrEqual(MAX_WAITING);
          expect(progress.syncedAt).toBeGreaterThanOrEqual(before.syncedAt);
          const ages = progress.waiting.map(({ changedAt }) => changedAt);
          expect(ages).toEqual(ages.toSorted((a, b) => a - b));
        }
      }),
    );
  });
});
