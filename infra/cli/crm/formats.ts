import { stringify } from 'csv-stringify/sync';
import { type Column, valueAt } from './columns.ts';

export const FORMATS = ['table', 'json', 'ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** Turns items into text, page by page. */
export interface Formatter {
  rows(items: readonly unknown[]): string;
  end(): string;
}

/** @param columns undefined for whole items, which only JSON can show. */
export function formatter(format: Format, columns: readonly Column[] | undefined): Formatter {
  switch (format) {
    case 'json':
      return jsonFormat(columns);
    case 'ndjson':
      return {
        rows: (items) => items.map((item) => `${JSON.stringify(picked(item, columns))}\n`).join(''),
        end: () => '',
      };
    case 'csv':
      return csvFormat(columns ?? []);
    case 'table':
      return tableFormat(columns ?? []);
  }
}

function picked(item: unknown, columns: readonly Column[] | undefined): unknown {
  if (!columns) return item;
  return Object.fromEntries(columns.map((column) => [column.name, valueAt(item, column) ?? null]));
}

function jsonFormat(columns: readonly Column[] | undefined): Formatter {
  let separator = '[';
  return {
    rows(items) {
      let text = '';
      for (const item of items) {
        text += `${separator}${JSON.stringify(picked(item, columns))}`;
        separator = ',';
      }
      return text;
    },
    end: () => (separator === '[' ? '[]\n' : ']\n'),
  };
}

const textOf = (value: unknown): string =>
  value === null || value === undefined
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value);

/**
 * A text that a spreadsheet would run as a formula (OWASP, "CSV Injection"): anyone can type one into a web form. Digits with signs and
 * spaces, such as phone numbers, are harmless.
 */
const FORMULA = /^[=+\-@\t\r](?![\d\s().+-]*$)/;

/** The content of a cell. A formula gets an apostrophe in front. */
export const csvCell = (value: unknown): string => {
  const text = textOf(value);
  return typeof value === 'string' && FORMULA.test(text) ? `'${text}` : text;
};

function csvFormat(columns: readonly Column[]): Formatter {
  const header = stringify([columns.map(({ name }) => csvCell(name))]);
  let isFirst = true;
  const begin = () => {
    const text = isFirst ? header : '';
    isFirst = false;
    return text;
  };
  return {
    rows: (items) =>
      begin() + stringify(items.map((item) => columns.map((column) => csvCell(valueAt(item, column))))),
    end: begin,
  };
}

/** Widest cell of a table, in characters. */
const MAX_WIDTH = 40;
/** Characters that a terminal may act on. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

/** A value on one line of a terminal. */
export const cellText = (value: unknown): string => textOf(value).replace(CONTROL, ' ').trim();

/** A table whose columns are as wide as the first page needs. */
function tableFormat(columns: readonly Column[]): Formatter {
  let widths: number[] | undefined;
  const cell = (text: string) => (text.length > MAX_WIDTH ? `${text.slice(0, MAX_WIDTH - 1)}…` : text);
  const line = (cells: readonly string[]) =>
    `${cells
      .map((text, index) => text.padEnd(widths?.[index] ?? 0))
      .join('  ')
      .trimEnd()}\n`;
  const render = (items: readonly unknown[]): string => {
    const rows = items.map((item) => columns.map((column) => cell(cellText(valueAt(item, column)))));
    if (widths) return rows.map(line).join('');
    const names = columns.map(({ name }) => cell(name));
    widths = names.map((name, index) => Math.max(name.length, ...rows.map((row) => row[index]?.length ?? 0)));
    return [names, ...rows].map(line).join('');
  };
  return { rows: render, end: () => (widths ? '' : render([])) };
}
