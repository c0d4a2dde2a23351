import { sum } from '../../support/sum.ts';

/** How close to the limit a backfill ran. */
export interface Filled {
  /** Requests that arrived, refused ones too. */
  requests: number;
  refusedPart: number;
  /** Admitted requests a second, while it ran steadily, as a part of those that the CRM takes. */
  utilisation: number;
  maxArrivalsInAnySecond: number;
}

/** Backfills that differ by chance alone, as if they were one: one alone has too few refusals to tell how many there are. */
export function pooled(backfills: readonly Filled[]): Filled {
  const requests = sum(backfills.map((backfill) => backfill.requests));
  return {
    requests,
    refusedPart: sum(backfills.map((backfill) => backfill.refusedPart * backfill.requests)) / requests,
    utilisation: sum(backfills.map(({ utilisation }) => utilisation)) / backfills.length,
    maxArrivalsInAnySecond: Math.max(...backfills.map((backfill) => backfill.maxArrivalsInAnySecond)),
  };
}
