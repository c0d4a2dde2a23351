import { expect, it } from 'vitest';
import { steadyRate } from './utilisation.ts';

const START = 1_800_000_000_000;
const every = (ms: number, count: number, from = START) =>
  Array.from({ length: count }, (_, index) => from + index * ms);

it('is the rate of arrivals, whatever their order', () => {
  expect(steadyRate(every(40, 1000))).toBeCloseTo(25, 6);
  expect(steadyRate(every(40, 1000).reverse())).toBeCloseTo(25, 6);
});

it('leaves out how it began and how it ended', () => {
  const slowly = every(5000, 50);
  const steady = every(40, 900, (slowly.at(-1) ?? 0) + 40);
  expect(steadyRate([...slowly, ...steady, (steady.at(-1) ?? 0) + 60_000])).toBeCloseTo(25, 6);
});

it('counts bursts by the time that they take together', () => {
  const bursts = Array.from({ length: 40 }, (_, second) =>
    Array.from({ length: 25 }, () => START + second * 1000),
  );
  expect(steadyRate(bursts.flat())).toBeCloseTo(25, 0);
});

it.each([[[]], [[START]], [[START, START]]])('of %j is 0', (arrivals) => {
  expect(steadyRate(arrivals)).toBe(0);
});
