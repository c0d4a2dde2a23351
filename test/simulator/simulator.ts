import type { HttpBindings } from '@hono/node-server';
import { type ArrayMode, type ArrayModes, ContactStore } from './account/contact-store.ts';
import { Directory } from './account/directory.ts';
import { ForeignWrites } from './account/foreign-writes.ts';
import { HiddenContacts } from './account/hidden-contacts.ts';
import { Records } from './account/records.ts';
import type { SearchMode } from './account/search.ts';
import { type AnswerOptions, DEFAULT_ANSWERS } from './answer-forms.ts';
import { OAuth, type OAuthOptions } from './oauth.ts';
import { type StrictnessSettings, strictnessWith } from './strictness.ts';
import { type FaultPlan, FaultSource, faultPlanSchema } from './traffic/faults.ts';
import { LateWrites } from './traffic/late-writes.ts';
import { type Latency, latencySource } from './traffic/latency.ts';
import { seededRandom, uniformSource } from './traffic/random.ts';
import { type Limits, RateLimits, TEAM_LIMITS } from './traffic/rate-limits.ts';
import { StatisticsKeeper } from './traffic/statistics.ts';

export interface SimulatorOptions {
  port?: number;
  limits?: Partial<Limits>;
  latency?: Latency;
  /** Network jitter, in milliseconds: each request is delayed by 0 to twice as much. */
  jitterMs?: number;
  /** What an update does to array items that it does not list: one mode for both kinds of updates, or one for each. */
  arrays?: ArrayMode | ArrayModes;
  /** What answers contain, see {@link DEFAULT_ANSWERS}. */
  answers?: Partial<AnswerOptions>;
  /** Whether responses have headers with limits and usage. The real API sometimes omits them. */
  limitHeaders?: boolean;
  faults?: Partial<FaultPlan>;
  /** Accepted keys and tokens. */
  tokens?: string[];
  oauth?: Partial<OAuthOptions>;
  /** Whether two concurrent upserts of a new email create two contacts. */
  racyCreates?: boolean;
  /** How searches match text. */
  search?: SearchMode;
  /** Time until searches find a new contact, and see an update, in milliseconds. */
  searchDelayMs?: number;
  /** Changes of the switches in `strictness.ts`. */
  strict?: Partial<StrictnessSettings>;
  /** Factor by which the limits per second and minute are multiplied, and latencies divided. */
  speed?: number;
  seed?: number;
  /** The current time in epoch milliseconds. */
  now?: () => number;
}

/** The key that is accepted by default. */
export const DEFAULT_TOKEN = 'simulator-key';
/** Latency of the real CRM, as far as it is known. */
export const REAL_LATENCY: Latency = { medianMs: 150, p95Ms: 400 };

/** State that the routes share. */
export interface Simulator {
  store: ContactStore;
  directory: Directory;
  records: Records;
  limits: RateLimits;
  faults: FaultSource;
  lateWrites: LateWrites;
  statistics: StatisticsKeeper;
  foreign: ForeignWrites;
  tokens: ReadonlySet<string>;
  /** Emails, in lower case, of contacts that the client may not access. */
  forbidden: Set<string>;
  /** Emails, in lower case, of contacts whose changes the CRM fails with 500. */
  failing: Set<string>;
  /** Emails, in lower case, of contacts for which tag requests about many contacts are refused. */
  refusesBulkTags: Set<string>;
  /** The account refuses values that contain one of these texts. */
  refusedValues: Set<string>;
  /** Contacts that answer 404 for a while. */
  hidden: HiddenContacts;
  oauth: OAuth;
  limitHeaders: boolean;
  racyCreates: boolean;
  search: { mode: SearchMode; delayMs: number };
  answers: AnswerOptions;
  /** The switches of `strictness.ts`. */
  strict: StrictnessSettings;
  drawLatencyMs: () => number;
  /** Draws how long a request travels, in milliseconds. */
  drawDelayMs: () => number;
  now: () => number;
}

/** Types of the routes' context. `wait` adds the request's latency; later calls of one request add none. */
export interface SimulatorEnv {
  Bindings: HttpBindings;
  Variables: { wait: () => Promise<void> };
}

/** Creates the state of a simulator. */
export function createSimulator(options: SimulatorOptions): Simulator {
  const strict = strictnessWith(options.strict);
  const { speed = 1, seed = 1, latency = REAL_LATENCY, limits } = options;
  const { second, minute, ...longer } = { ...TEAM_LIMITS, ...limits };
  const { arrays = 'merge' } = options;
  return {
    store: new ContactStore(
      typeof arrays === 'string' ? { put: arrays, patch: arrays } : arrays,
      strict,
      options.now,
    ),
    directory: new Directory(),
    records: new Records(),
    limits: new RateLimits({ second: second * speed, minute: minute * speed, ...longer }),
    faults: new FaultSource(faultPlanSchema.parse(options.faults ?? {}), seededRandom(seed + 1)),
    statistics: new StatisticsKeeper(),
    foreign: new ForeignWrites(),
    forbidden: new Set(),
    failing: new Set(),
    refusesBulkTags: new Set(),
    refusedValues: new Set(),
    hidden: new HiddenContacts(),
    lateWrites: new LateWrites(),
    tokens: new Set(options.tokens ?? [DEFAULT_TOKEN]),
    oauth: new OAuth(options.oauth ?? {}, options.now ?? Date.now),
    limitHeaders: options.limitHeaders ?? true,
    racyCreates: options.racyCreates ?? true,
    search: { mode: options.search ?? 'exact', delayMs: options.searchDelayMs ?? 1000 },
    answers: { ...DEFAULT_ANSWERS, ...options.answers },
    strict,
    drawLatencyMs: latencySource(
      { medianMs: latency.medianMs / speed, p95Ms: latency.p95Ms / speed },
      seededRandom(seed),
    ),
    drawDelayMs: uniformSource(2 * (options.jitterMs ?? 0), seededRandom(seed + 2)),
    now: options.now ?? Date.now,
  };
}
