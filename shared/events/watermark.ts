import * as z from 'zod/mini';
import { utcMoment } from '../zod-types.ts';

/** Where the next page of a list begins. */
const positionSchema = z.object({
  /** The list is read from this time on, in epoch milliseconds. */
  from: z.number(),
  /**
   * The CRM's token of the next page. Set if `from` alone does not identify it, because all items of a page have the same time, or the list is
   * not in order.
   */
  token: z.optional(z.string()),
});
type Position = z.infer<typeof positionSchema>;

/** A poll that has begun, stored so that the next invocation can continue it. */
export const runSchema = z.object({
  ...positionSchema.shape,
  /** The scheduled time of the poll, in ISO 8601. */
  scheduledAt: utcMoment,
  /** The newest time so far. */
  newest: z.number(),
  /** The oldest time of an item that has to be read again. */
  held: z.optional(z.number()),
  /** Pages that were read since the run began, or began again. */
  pages: z.optional(z.int()),
  /** The CRM refused a token, and the run began again. */
  restarted: z.optional(z.boolean()),
  /** Set when all pages were read: the number of items of the last one, and where the search for missing items continues. */
  end: z.optional(z.object({ lastItems: z.int(), from: z.int() })),
});
export type Run = z.infer<typeof runSchema>;

/**
 * How far before its watermark a poll begins to read. This is longer than a search of the CRM lags behind (a minute), and longer than a
 * sync takes whose writes were not in the records yet. An item that is read twice makes no second event, since its state is stored.
 */
export const OVERLAP_MS = 5 * 60_000;

/** How long the watermark waits for an item that has to be read again. After that, the next full listing shows its change. */
export const HOLD_MS = 60 * 60_000;

export const beginRun = (watermark: number, scheduledAt: string, overlapMs = OVERLAP_MS): Run => ({
  from: watermark - overlapMs,
  scheduledAt,
  newest: watermark,
});

/** What a page showed. Times in epoch milliseconds; undefined where the CRM gives none. */
export interface PageTimes {
  times: readonly (number | undefined)[];
  nextToken: string | undefined;
  /** Times of items that have to be read again. */
  deferred: readonly number[];
  /** The CRM lists items in the order of their times. */
  isOrdered: boolean;
}

/**
 * The run after a page.
 *
 * If the list is in the order of its times, the run continues from the last time of the page instead of with the next page, because pages
 * shift: a contact that changes during the run moves to the end, and the one after it would be skipped.
 *
 * @param now epoch milliseconds: a time in the future does not move the watermark.
 */
export function afterPage(
  run: Run,
  { times, nextToken, deferred, isOrdered }: PageTimes,
  now: number,
): Run & { isOver: boolean } {
  const known = times.map((time) => time ?? Date.parse(run.scheduledAt));
  const last = known.at(-1) ?? run.from;
  const held = [
    ...deferred.filter((time) => time >= now - HOLD_MS),
    ...(run.held === undefined ? [] : [run.held]),
  ];
  const { token: _, ...rest } = run;
  const canSkip =
    isOrdered && times.every((time, index) => time !== undefined && time >= (known[index - 1] ?? 0));
  const next: Position =
    canSkip && last > run.from
      ? { from: last }
      : { from: run.from, ...(nextToken !== undefined && { token: nextToken }) };
  return {
    ...rest,
    ...next,
    pages: (run.pages ?? 0) + 1,
    newest: Math.min(now, Math.max(run.newest, ...known)),
    ...(held.length > 0 && { held: Math.min(...held) }),
    isOver: nextToken === undefined || times.length === 0,
  };
}

/** The watermark after a run: the newest time, but not past an item that has to be read again. */
export const watermarkAfter = ({ newest, held }: Run): number => Math.min(newest, held ?? newest);
