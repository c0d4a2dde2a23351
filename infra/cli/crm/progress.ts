/** What a job has done so far. */
export interface JobProgress {
  rows: number;
  /** Total number of rows, if the CRM reports it. */
  total: number | undefined;
  requests: number;
  elapsedMs: number;
}

/**
 * One line about a running job: rows, requests a second, and the time that is left.
 *
 * @example '2,000 of 10,000 rows · 1.9 requests/s · 4 s left'
 */
export function progressText({ rows, total, requests, elapsedMs }: JobProgress): string {
  const known = total !== undefined && total >= rows;
  const count = known ? `${number(rows)} of ${number(total)}` : number(rows);
  const rate = ((requests * 1000) / Math.max(1, elapsedMs)).toFixed(1);
  const left = known && rows > 0 ? ` · ${duration((elapsedMs / rows) * (total - rows))} left` : '';
  return `${count} rows · ${rate} requests/s${left}`;
}

const number = (value: number): string => value.toLocaleString('en');

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A line of a terminal that is overwritten. Writes nothing if the stream is not a terminal. */
export function statusLine(stream: NodeJS.WriteStream): { show(text: string): void; clear(): void } {
  const write = (text: string) => {
    if (stream.isTTY) stream.write(`\r\u001b[K${text}`);
  };
  return { show: write, clear: () => write('') };
}
