import type { Credentials } from '../../shared/infusionsoft/auth/credentials.ts';
import { type InfusionsoftClient, infusionsoftClient } from '../../shared/infusionsoft/client.ts';
import { circuitBreaker } from '../../shared/infusionsoft/http/circuit-breaker.ts';
import { type PacedFetchOptions, pacedFetch } from '../../shared/infusionsoft/http/paced-fetch.ts';
import type { RateLimiter } from '../../shared/quota/rate-limiter.ts';
import type { QuotaTracker } from './quota-tracker.ts';

/** What the consumer provides to its CRM client. */
export type ClientHooks = Pick<PacedFetchOptions, 'gate' | 'deadline' | 'onRequest' | 'currentUser'> &
  Pick<QuotaTracker, 'limit'>;

export interface PacedClientOptions {
  /** Origin of the API. */
  url: string;
  credentials: Credentials;
  rateLimiter: RateLimiter;
}

/** A client that waits for a request slot, stops while the quota is spent and backs off while the CRM is down. */
export const pacedClient =
  ({ url, credentials, rateLimiter }: PacedClientOptions) =>
  (hooks: ClientHooks): InfusionsoftClient =>
    infusionsoftClient({
      url,
      fetch: pacedFetch({
        ...hooks,
        rateLimiter: hooks.limit(rateLimiter),
        credentials,
        breaker: circuitBreaker(),
      }),
    });
