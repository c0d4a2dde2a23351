import { AWS_REQUEST_TIMEOUT_MS } from '../quota/retry-policy.ts';

/**
 * Options for AWS SDK clients, so that they repeat a request whose answer does not come. Their own default is to wait without an end, so
 * one lost answer would hold an invocation until its time-out.
 */
export const requestHandler = {
  connectionTimeout: AWS_REQUEST_TIMEOUT_MS,
  requestTimeout: AWS_REQUEST_TIMEOUT_MS,
  throwOnRequestTimeout: true,
} as const;
