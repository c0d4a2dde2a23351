import type { Random } from './random.ts';

/** Response time. With a median of 0, responses are immediate. */
export interface Latency {
  medianMs: number;
  p95Ms: number;
}

/** 95th percentile of the standard normal distribution. */
const Z95 = 1.6449;

/** @returns a function that draws response times in milliseconds, log-normal with this median and 95th percentile. */
export function latencySource({ medianMs, p95Ms }: Latency, random: Random): () => number {
  if (medianMs <= 0) return () => 0;
  const mu = Math.log(medianMs);
  const sigma = Math.log(p95Ms / medianMs) / Z95;
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.exp(mu + sigma * normal);
  };
}
