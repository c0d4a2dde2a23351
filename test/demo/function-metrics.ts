import * as z from 'zod';

const metricLine = z.looseObject({ _aws: z.looseObject({}) });

/** Sums of the metrics in the functions' logs (CloudWatch embedded metric format). */
export class FunctionMetrics {
  readonly #sums = new Map<string, number>();

  /** Reads one line of a function's log. Ignores lines without metrics. */
  read(line: string): void {
    if (!line.includes('"_aws"')) return;
    const { data = {} } = metricLine.safeParse(JSON.parse(line));
    for (const [name, value] of Object.entries(data)) {
      const values = Array.isArray(value) ? value : [value];
      for (const each of values) {
        if (typeof each === 'number') this.#sums.set(name, (this.#sums.get(name) ?? 0) + each);
      }
    }
  }

  sum(name: string): number {
    return this.#sums.get(name) ?? 0;
  }
}
