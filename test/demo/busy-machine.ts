/**
 * Setting `windowSlackMs` for tests in which the sync, its cloud and the CRM share the processors of one machine. While an environment
 * starts, a request can wait longer for a processor than a network would delay it.
 */
export const BUSY_SLACK_MS = 400;

/** The same for `npm start`, where nothing else runs: with 400 ms it would take a quarter longer. */
export const DEMO_SLACK_MS = 100;

/**
 * Share of requests that may be refused. After a pause that is longer than the slack, a machine sends requests too close together. The CRM
 * refuses these, and they are retried.
 */
const REFUSED_PART = 0.01;

/** Whether more requests were refused than a busy machine explains. */
export const isRefusedOften = ({ requests, throttled }: { requests: number; throttled: number }): boolean =>
  throttled > (requests + throttled) * REFUSED_PART;
