import { InvalidArgumentError } from 'commander';

/** A parser for whole numbers in a range. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`);
  };
}

/** Parses a text that is not empty, such as an id: an unset variable of a shell is. */
export function filled(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}

/** A parser for numbers above 0, up to a largest one. */
export function positiveNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value > 0 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a number above 0, and ${max} at most.`);
  };
}

/** Parses a date or time in ISO 8601. @returns epoch milliseconds. */
export function timestamp(text: string): number {
  const value = Date.parse(text);
  if (!Number.isNaN(value)) return value;
  throw new InvalidArgumentError('It must be a date or time, such as 2027-01-01 or 2027-01-01T12:00:00Z.');
}
