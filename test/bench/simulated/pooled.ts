import type { WorldResult } from './world.ts';

/** What is told of how close to the limit a backfill runs. */
export type Filled = Pick<WorldResult, 'requests' | 'refusedPart' | 'utilisation' | 'maxArrivalsInAnySecond'>;

/** Worlds that differ by chance alone, as if they were one: one alone has too few refusals to tell how many there are. */
export function pooled(worlds: readonly Filled[]): Filled {
  const sum = (value: (world: Filled) => number): number =>
    worlds.reduce((total, world) => total + value(world), 0);
  const requests = sum((world) => world.requests);
  return {
    requests,
    refusedPart: sum((world) => world.refusedPart * world.requests) / requests,
    utilisation: sum((world) => world.utilisation) / worlds.length,
    maxArrivalsInAnySecond: Math.max(...worlds.map((world) => world.maxArrivalsInAnySecond)),
  };
}
