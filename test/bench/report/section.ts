import type { Chart } from './chart.ts';

/** Cells as they are shown. */
export interface Table {
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** What was asked for, and what was measured. */
export interface Goal {
  what: string;
  wanted: string;
  measured: string;
  met: boolean;
}

/** What one part of the benchmark came to: a section of the page, and figures for programs. */
export interface Section {
  title: string;
  /** How the figures were made. */
  method: string;
  tables: readonly Table[];
  charts: readonly Chart[];
  /** What they say. */
  conclusions: readonly string[];
  goals: readonly Goal[];
  figures: Readonly<Record<string, unknown>>;
}

/** A part of the benchmark. */
export interface Part {
  name: string;
  about: string;
  /** @param say told what goes on. */
  run(say: (what: string) => void): Promise<Section>;
}
