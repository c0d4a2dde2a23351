import { marshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, it } from 'vitest';
import { PRESETS, rateOf } from '../../../shared/quota/limits.ts';
import { MAX_RATE, writeUnitsPerSecond } from '../../../shared/quota/max-rate.ts';
import { BATCH_SIZE } from '../../../shared/quota/pace.ts';

/** Bytes of an attribute value (DynamoDB, "Item sizes and formats"): texts, numbers and lists. */
function bytesOf(value: { S?: string; N?: string; L?: object[] }): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.replace(/0+$/, '').length / 2) + 1;
  return 3 + (value.L ?? []).reduce((sum, element) => sum + 1 + bytesOf(element), 0);
}

/** Units of a write of the item as `shared/store/versioned-item.ts` stores it. */
function unitsOf(slots: number): number {
  const values = Array.from({ length: slots }, (_, index) => 1_781_000_000_001 + 41 * index);
  const item = marshall({ id: 'slots', value: values, version: 123_456_789 });
  const bytes = Object.entries(item).map(([name, value]) => name.length + bytesOf(value));
  return Math.ceil(bytes.reduce((sum, each) => sum + each, 0) / 1024);
}

describe('the most requests a second', () => {
  it('count a write as large as the item is', () => {
    for (let rate = 2; rate <= MAX_RATE; rate++)
      expect(writeUnitsPerSecond(rate), `${rate}`).toBeGreaterThanOrEqual(
        2 * rate * unitsOf(rate + BATCH_SIZE),
      );
  });

  it('are those that one item can take the writes of, and no more', () => {
    for (let rate = 2; rate <= MAX_RATE; rate++) expect(writeUnitsPerSecond(rate)).toBeLessThanOrEqual(1000);
    expect(writeUnitsPerSecond(MAX_RATE + 1)).toBeGreaterThan(1000);
  });

  it('are far more than any row of the vendor allows', () => {
    for (const limits of Object.values(PRESETS)) expect(rateOf(limits)).toBeLessThan(MAX_RATE / 5);
  });
});
