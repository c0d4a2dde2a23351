import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterPage,
  beginRun,
  HOLD_MS,
  OVERLAP_MS,
  type Run,
  watermarkAfter,
} from '../../../shared/events/watermark.ts';

const NOW = Date.parse('2026-12-31T23:59:59Z');
const SCHEDULED = '2026-12-31T23:45:00.000Z';
const begin = (watermark = NOW - 900_000): Run => beginRun(watermark, SCHEDULED);
const page = (times: (number | undefined)[], nextToken?: string, deferred: number[] = []) => ({
  times,
  nextToken,
  deferred,
  isOrdered: true,
});

describe('a run', () => {
  it('reads again what is behind its watermark', () => {
    expect(begin(NOW).from).toBe(NOW - OVERLAP_MS);
  });

  it('goes on from the last time of a page', () => {
    const next = afterPage(begin(), page([NOW - 300, NOW - 200], 'next'), NOW);
    expect(next).toMatchObject({ from: NOW - 200, isOver: false, newest: NOW - 200 });
    expect(next).not.toHaveProperty('token');
  });

  it.each<[string, (number | undefined)[]]>([
    ['all of a page has the time from which it was read', [begin().from, begin().from]],
    ['a page is in no order', [NOW - 100, NOW - 200]],
    ['the CRM gives no times', [undefined, NOW - 100]],
  ])('takes the next page of the list if %s', (_, times) => {
    expect(afterPage(begin(), page(times, 'next'), NOW)).toMatchObject({ from: begin().from, token: 'next' });
  });

  it('takes the next page of a list whose order is not known, even if a page is in order', () => {
    const shown = { ...page([NOW - 300, NOW - 200], 'next'), isOrdered: false };
    expect(afterPage(begin(), shown, NOW)).toMatchObject({ from: begin().from, token: 'next', pages: 1 });
  });

  it('ends with the last page, and with an empty one that has a token', () => {
    expect(afterPage(begin(), page([NOW - 1]), NOW).isOver).toBe(true);
    expect(afterPage(begin(), page([], 'endless'), NOW).isOver).toBe(true);
  });

  it('does not move the watermark past an item that has to be looked at again', () => {
    const run = afterPage(begin(), page([NOW - 500, NOW - 100], undefined, [NOW - 500]), NOW);
    expect(watermarkAfter(run)).toBe(NOW - 500);
  });

  it('gives up an item that had to be looked at again for too long', () => {
    const run = afterPage(begin(), page([NOW - 100], undefined, [NOW - HOLD_MS - 1]), NOW);
    expect(watermarkAfter(run)).toBe(NOW - 100);
  });

  it('ignores a time in the future', () => {
    expect(watermarkAfter(afterPage(begin(), page([NOW + 86_400_000]), NOW))).toBe(NOW);
  });

  it('keeps the watermark when nothing was changed', () => {
    expect(watermarkAfter(afterPage(begin(NOW - 5000), page([]), NOW))).toBe(NOW - 5000);
  });
});

/** A list of changed items, as the CRM shows it, of which some change while its pages are read. */
it('every item that changed is seen, however the pages shift', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { minLength: 1, maxLength: 60 }),
      fc.array(fc.tuple(fc.nat(59), fc.boolean()), { maxLength: 30 }),
      fc.integer({ min: 2, max: 7 }),
      (offsets, edits, size) => {
        const start = NOW - 60_000;
        const items = offsets.map((offset, id) => ({ id, at: start + offset }));
        const pending = [...edits];
        const seen = new Map<number, number>();
        let now = start + 1000;
        let run: Run & { isOver?: boolean } = begin(start);
        while (!run.isOver) {
          const list = items.filter(({ at }) => at >= run.from).sort((a, b) => a.at - b.at || a.id - b.id);
          const offset = Number(run.token ?? 0);
          const shown = list.slice(offset, offset + size).map((item) => ({ ...item }));
          for (const { id, at } of shown) seen.set(id, at);
          run = afterPage(
            run,
            page(
              shown.map(({ at }) => at),
              offset + size < list.length ? String(offset + size) : undefined,
            ),
            now,
          );
          const edit = pending.shift();
          const item = edit && items[edit[0]];
          if (item) item.at = ++now;
        }
        const watermark = watermarkAfter(run);
        for (const { id, at } of items)
          expect(seen.get(id) === at || at > watermark - OVERLAP_MS, `item ${id}`).toBe(true);
      },
    ),
  );
});
