import type { Pace } from '../../shared/quota/pace.ts';

/** Requests a second that all environments together may start. */
export const startsPerSecond = ({ environments, requestsPerWindow, windowMs }: Pace): number =>
  (environments * requestsPerWindow * 1000) / windowMs;
