/**
 * The value that a part of all values does not exceed (nearest rank), so always one that was measured.
 *
 * @param part from 0 to 1.
 * @throws RangeError when there are no values.
 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('There is no percentile of nothing');
  return value;
}
