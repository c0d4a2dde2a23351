/**
 * The percentile by nearest rank, so the result is always one of the values.
 *
 * @param part from 0 to 1: 0.99 for the 99th percentile.
 * @throws RangeError when there are no values.
 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('A percentile needs at least one value');
  return value;
}
