import { AWS_REQUEST_TIMEOUT_MS } from '../quota/retry-policy.ts';

/**
 * Options for AWS SDK clients: time-outs, after which the SDK repeats the request. Its default is to wait forever, so one lost answer
 * would block an invocation until the function times out.
 */
export const requestHandler = {
  connectionTimeout: AWS_REQUEST_TIMEOUT_MS,
  requestTimeout: AWS_REQUEST_TIMEOUT_MS,
  throwOnRequestTimeout: true,
} as const;
