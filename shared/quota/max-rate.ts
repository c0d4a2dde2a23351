import { BATCH_SIZE } from './pace.ts';

/** Write units that DynamoDB gives one item in a second (DynamoDB, "Best practices for designing and using partition keys effectively"). */
const UNITS_PER_SECOND = 1000;
/** Bytes that one unit writes (DynamoDB, "Capacity unit consumption for write operations"). */
const BYTES_PER_UNIT = 1024;
/** A slot is a number of 13 digits in a list: a byte for two digits, one more, and one for the element (DynamoDB, "Item sizes and formats"). */
const BYTES_PER_SLOT = 9;
/** The item's key, version, names of attributes, and room for a few more. */
const OTHER_BYTES = 100;
/**
 * Writes for a request at worst: each request reserves its slot alone, and each write fails once, since another environment wrote
 * meanwhile. A write that fails its condition costs as much as one that does not (DynamoDB, "Conditional writes").
 */
const WRITES_PER_REQUEST = 2;

/**
 * Write units a second that the item with the request slots takes at worst. It holds the slots of one window and those of a batch, so
 * each write costs more as the rate grows.
 *
 * @param rate requests a second.
 * @example writeUnitsPerSecond(25) // → 50: the item is smaller than 1 KB
 */
export function writeUnitsPerSecond(rate: number): number {
  const bytes = (rate + BATCH_SIZE) * BYTES_PER_SLOT + OTHER_BYTES;
  return rate * WRITES_PER_REQUEST * Math.ceil(bytes / BYTES_PER_UNIT);
}

/** Most requests a second that one item can pace. Beyond it, DynamoDB throttles the item, and requests fail for want of a slot. */
export const MAX_RATE = mostRate();

function mostRate(): number {
  let rate = 1;
  while (writeUnitsPerSecond(rate + 1) <= UNITS_PER_SECOND) rate++;
  return rate;
}
