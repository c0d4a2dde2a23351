import { InvalidArgumentError } from 'commander';
import * as z from 'zod';

/** A parser for whole numbers in a range. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`);
  };
}

/** Longest key of an item of DynamoDB, in bytes (DynamoDB developer guide, "Constraints"). */
const MAX_KEY_BYTES = 2048;

/** Parses the id of a user. It is empty where a variable of a shell is not set. */
export function idOfUser(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  if (Buffer.byteLength(text) <= MAX_KEY_BYTES) return text;
  throw new InvalidArgumentError(`It must have at most ${MAX_KEY_BYTES} bytes.`);
}

/** A parser for numbers above 0, up to a largest one. */
export function positiveNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value > 0 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number above 0, and ${max} at most.`);
  };
}

const dateOrTime = z.union([
  z.iso.date(),
  z.iso.datetime({ offset: true, local: true }),
  z.iso.datetime({ offset: true, local: true, precision: -1 }),
]);

/** Parses a date or time in ISO 8601. @returns epoch milliseconds. */
export function timestamp(text: string): number {
  if (dateOrTime.safeParse(text).success) return Date.parse(text);
  throw new InvalidArgumentError('It must be a date or time, such as 2027-01-01 or 2027-01-01T12:00:00Z.');
}

/** Parses an address with HTTPS. It is returned as it was given, since the CRM compares it with the registered one. */
export function httpsUrl(text: string): string {
  if (URL.canParse(text) && new URL(text).protocol === 'https:') return text;
  throw new InvalidArgumentError('It must be an address that begins with https://.');
}

/** A parser for the values that a schema accepts. Its messages are predicates, such as "must be a URL". */
export function bySchema(schema: z.ZodType<string>): (text: string) => string {
  return (text) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`It ${parsed.error.issues.map(({ message }) => message).join(', and ')}.`);
  };
}
