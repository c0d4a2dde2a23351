/** Returns a number from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

/** A seeded random number generator: Mulberry32 (Tommy Ettinger, public domain). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Uniform numbers from 0 to `max`. */
export const uniformSource =
  (max: number, random: Random): (() => number) =>
  () =>
    random() * max;
