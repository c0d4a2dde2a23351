/** Further apart than two starts on one line, in milliseconds, and closer than two lines. */
const APART_MS = 50;

/** Starts by the line that they are on, in order. */
export function linesOf(starts: readonly number[]): number[][] {
  const lines: number[][] = [];
  for (const start of starts) {
    const line = lines.at(-1);
    if (line && start - (line.at(-1) ?? 0) < APART_MS) line.push(start);
    else lines.push([start]);
  }
  return lines;
}
