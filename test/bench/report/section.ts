import type { Chart } from './chart.ts';

/** A table of formatted cells. */
export interface Table {
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** A goal and what was measured. */
export interface Goal {
  what: string;
  goal: string;
  measured: string;
  met: boolean;
}

/** Result of one part of the benchmark: a section of the page, and figures for programs. */
export interface Section {
  title: string;
  /** How the figures were measured. */
  method: string;
  tables: readonly Table[];
  charts: readonly Chart[];
  conclusions: readonly string[];
  goals: readonly Goal[];
  figures: Readonly<Record<string, unknown>>;
}

/** A part of the benchmark, which can run on its own. */
export interface Part {
  name: string;
  about: string;
  /** @param log prints a line of progress. */
  run(log: (line: string) => void): Promise<Section>;
}

/** Formats a number with separators of thousands. @param digits digits after the decimal point. */
export const number = (value: number, digits: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Formats a share from 0 to 1. */
export const percent = (share: number, digits = 1): string => `${number(100 * share, digits)} %`;

/** The goal that a measured value is at most `limit`. */
export const atMost = (
  what: string,
  value: number,
  limit: number,
  format: (value: number) => string,
): Goal => ({
  what,
  goal: limit === 0 ? format(0) : `≤ ${format(limit)}`,
  measured: format(value),
  met: value <= limit,
});

/** The goal that a measured value is at least `limit`. */
export const atLeast = (
  what: string,
  value: number,
  limit: number,
  format: (value: number) => string,
): Goal => ({ what, goal: `≥ ${format(limit)}`, measured: format(value), met: value >= limit });

/** Formats milliseconds as seconds. */
export const seconds = (ms: number, digits = 2): string => `${number(ms / 1000, digits)} s`;

/** Columns and rows of the table of goals. */
export const goalTable = (goals: readonly Goal[]): Table => ({
  columns: ['', 'goal', 'measured', ''],
  rows: goals.map(({ what, goal, measured, met }) => [what, goal, measured, met ? '✓' : '✗']),
});
