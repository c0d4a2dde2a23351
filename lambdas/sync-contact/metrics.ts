import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { ContactChange } from '../../shared/contacts/sync-user.ts';
import type { UserOutcome } from './process-user.ts';

/**
 * Outcomes of users that are counted as `Users.<outcome>`. Two are counted in addition to another outcome. `withoutOwner`: no member of
 * staff has the owner's email. `withoutField`: the CRM refuses the value of a field, so the user is in sync without it.
 */
export const OUTCOMES = [
  'synced',
  'unchanged',
  'retired',
  'rejected',
  'stillRejected',
  'postponed',
  'withoutOwner',
  'withoutField',
] as const satisfies (UserOutcome['outcome'] | 'rejected' | 'postponed' | 'withoutOwner' | 'withoutField')[];
export type Outcome = (typeof OUTCOMES)[number];

/** What is done with contacts, counted as `Users.<operation>`. */
export const CONTACT_OPERATIONS = ['created', 'updated', 'tagged'] as const satisfies ContactChange[];
export type ContactOperation = (typeof CONTACT_OPERATIONS)[number];

/** What sync-contact measures. */
export interface SyncMetrics {
  countOutcome(outcome: Outcome): void;
  /** Also called for a sync that failed after the change. */
  countChange(change: ContactChange): void;
  /** Time from a change to the end of its sync, in milliseconds. */
  recordLag(ms: number): void;
  /** A request to the CRM, retries included. `status` is undefined where there was no answer. */
  recordRequest(request: { status: number | undefined; durationMs: number }): void;
  /** How long ago the OAuth tokens were issued, in milliseconds. */
  recordTokenAge(ms: number): void;
}

/** Writes metrics in the embedded metric format, for CloudWatch. */
export function cloudWatchMetrics(metrics: Metrics): SyncMetrics {
  const count = (name: string) => void metrics.addMetric(name, MetricUnit.Count, 1);
  return {
    countOutcome: (outcome) => count(`Users.${outcome}`),
    countChange: (change) => count(`Users.${change}`),
    recordLag: (ms) => void metrics.addMetric('SyncLag', MetricUnit.Milliseconds, ms),
    recordRequest({ status, durationMs }) {
      count('CrmRequests');
      metrics.addMetric('CrmLatency', MetricUnit.Milliseconds, durationMs);
      if (status === 429) count('CrmThrottles');
    },
    recordTokenAge: (ms) => void metrics.addMetric('TokenAge', MetricUnit.Seconds, ms / 1000),
  };
}
