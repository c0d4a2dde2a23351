/** The services that functions call answer within milliseconds; an answer that takes longer than this is not coming. */
const REQUEST_TIMEOUT_MS = 3000;

/**
 * Options for AWS SDK clients, so that they repeat a request whose answer does not come. Their own default is to wait without an end, so
 * one lost answer would hold an invocation until its time-out.
 */
export const requestHandler = {
  connectionTimeout: REQUEST_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  throwOnRequestTimeout: true,
} as const;
