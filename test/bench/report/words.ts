import type { Goal } from './section.ts';

/** A number for people: grouped by thousands, with so many digits after the point. */
export const number = (value: number, digits: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const percent = (part: number, digits = 1): string => `${number(100 * part, digits)} %`;

export const goal = (what: string, wanted: string, measured: string, met: boolean): Goal => ({
  what,
  wanted,
  measured,
  met,
});
