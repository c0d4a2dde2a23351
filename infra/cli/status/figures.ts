/** What the functions have measured over a while. Undefined where nothing was measured. */
export interface Figures {
  /** From a change to the CRM, in milliseconds. */
  lagP50Ms: number | undefined;
  lagP99Ms: number | undefined;
  /** Requests to the CRM, and those that it refused for being too many. */
  requests: number;
  refused: number;
  /** Requests a second in the busiest minute. */
  mostRequestsASecond: number;
  latencyP95Ms: number | undefined;
  /** How long the oldest message waits, in seconds, and how far diff-user is behind the stream, in milliseconds. Amazon CloudWatch alone tells. */
  oldestMessageSeconds: number | undefined;
  iteratorAgeMs: number | undefined;
  /** Users by outcome. */
  users: Record<Outcome, number>;
  /** Contacts by what was done to them. One that is created is not counted as updated. */
  done: Record<Done, number>;
}

export const OUTCOMES = ['synced', 'unchanged', 'retired', 'rejected', 'postponed', 'withoutOwner'] as const;
type Outcome = (typeof OUTCOMES)[number];
export const DONE = ['created', 'updated', 'tagged'] as const;
type Done = (typeof DONE)[number];

export const MINUTE_SECONDS = 60;

/** A figure by the metric that it comes from, see `infra/monitoring/metrics.ts`. */
export const METRICS = [
  { id: 'lagP50Ms', metric: 'SyncLag', statistic: 'p50' },
  { id: 'lagP99Ms', metric: 'SyncLag', statistic: 'p99' },
  { id: 'requests', metric: 'CrmRequests', statistic: 'Sum' },
  { id: 'refused', metric: 'CrmThrottles', statistic: 'Sum' },
  { id: 'latencyP95Ms', metric: 'CrmLatency', statistic: 'p95' },
  ...[...OUTCOMES, ...DONE].map((name) => ({ id: name, metric: `Users.${name}`, statistic: 'Sum' as const })),
] as const;

/** Puts values by id together. */
export function figuresOf(value: (id: string) => number | undefined): Figures {
  return {
    lagP50Ms: value('lagP50Ms'),
    lagP99Ms: value('lagP99Ms'),
    requests: value('requests') ?? 0,
    refused: value('refused') ?? 0,
    mostRequestsASecond: (value('busiestMinute') ?? 0) / MINUTE_SECONDS,
    oldestMessageSeconds: value('oldestMessageSeconds'),
    iteratorAgeMs: value('iteratorAgeMs'),
    latencyP95Ms: value('latencyP95Ms'),
    users: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, value(outcome) ?? 0])) as Figures['users'],
    done: Object.fromEntries(DONE.map((name) => [name, value(name) ?? 0])) as Figures['done'],
  };
}
