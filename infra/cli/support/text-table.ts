/**
 * Formats rows as aligned columns for a terminal.
 *
 * @param numbers indices of right-aligned columns.
 */
export function textTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[] = [],
): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string => {
    const aligned = cells.map((cell, index) =>
      numbers.includes(index) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
    );
    return `  ${aligned.join('  ').trimEnd()}\n`;
  };
  return [columns, ...rows].map(line).join('');
}
