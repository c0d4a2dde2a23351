import type { HttpBindings } from '@hono/node-server';
import { type ArrayMode, ContactStore } from './contact-store.ts';
import { Directory } from './directory.ts';
import { type FaultPlan, FaultSource, faultPlanSchema } from './faults.ts';
import { type Latency, latencySource } from './latency.ts';
import { OAuth, type OAuthOptions } from './oauth.ts';
import { ForeignWrites } from './ownership.ts';
import { seededRandom, uniformSource } from './random.ts';
import { type Limits, RateLimits, TEAM_LIMITS } from './rate-limits.ts';
import type { SearchMode } from './search-mode.ts';
import { StatisticsKeeper } from './statistics.ts';

export interface SimulatorOptions {
  port?: number;
  limits?: Partial<Limits>;
  latency?: Latency;
  /** How far the network moves a request on its way, in milliseconds: it arrives up to twice as much later. */
  jitterMs?: number;
  /** What becomes of array items that an update does not list. */
  arrays?: ArrayMode;
  /** How tag results come: by id today, in a list in the contract of 2022. */
  tagResults?: 'object' | 'entries';
  /** Whether answers say where the caller stands; the real ones leave headers out at times. */
  limitHeaders?: boolean;
  faults?: Partial<FaultPlan>;
  /** Keys and tokens that are let in. */
  tokens?: string[];
  oauth?: Partial<OAuthOptions>;
  /** Whether two create-or-updates of one new email at the same time make two contacts. */
  raceyCreates?: boolean;
  /** How a search by email or name compares. */
  search?: SearchMode;
  /** How long a search does not know a new contact, in milliseconds. */
  searchDelayMs?: number;
  /** Limits of the second and the minute are multiplied, and latencies divided, by this. */
  speed?: number;
  seed?: number;
  /** Epoch milliseconds. */
  now?: () => number;
}

/** The key that the simulator lets in unless told otherwise. */
export const DEFAULT_TOKEN = 'simulator-key';
/** The latency of the real CRM, as far as it is known. */
export const REAL_LATENCY: Latency = { medianMs: 150, p95Ms: 400 };

/** Everything that the routes share. */
export interface Simulator {
  store: ContactStore;
  directory: Directory;
  limits: RateLimits;
  faults: FaultSource;
  statistics: StatisticsKeeper;
  foreign: ForeignWrites;
  tokens: ReadonlySet<string>;
  /** Emails, in lower case, of contacts that the account may not touch. */
  forbidden: Set<string>;
  oauth: OAuth;
  tagResults: 'object' | 'entries';
  limitHeaders: boolean;
  raceyCreates: boolean;
  search: { mode: SearchMode };
  searchDelayMs: number;
  drawLatencyMs: () => number;
  /** How long a request is on its way, in milliseconds. */
  drawDelayMs: () => number;
  now: () => number;
}

/** Types of the routes' context. `wait` takes the request's answer time, once however often it is called. */
export interface SimulatorEnv {
  Bindings: HttpBindings;
  Variables: { wait: () => Promise<void> };
}

/** Builds the state of a simulator from its options. */
export function createSimulator(options: SimulatorOptions): Simulator {
  const { speed = 1, seed = 1, latency = REAL_LATENCY, limits } = options;
  const { second, minute, ...longer } = { ...TEAM_LIMITS, ...limits };
  return {
    store: new ContactStore(options.arrays ?? 'merge'),
    directory: new Directory(),
    limits: new RateLimits({ second: second * speed, minute: minute * speed, ...longer }),
    faults: new FaultSource(faultPlanSchema.parse(options.faults ?? {}), seededRandom(seed + 1)),
    statistics: new StatisticsKeeper(),
    foreign: new ForeignWrites(),
    forbidden: new Set(),
    tokens: new Set(options.tokens ?? [DEFAULT_TOKEN]),
    oauth: new OAuth(options.oauth ?? {}, options.now ?? Date.now),
    tagResults: options.tagResults ?? 'object',
    limitHeaders: options.limitHeaders ?? true,
    raceyCreates: options.raceyCreates ?? true,
    search: { mode: options.search ?? 'exact' },
    searchDelayMs: options.searchDelayMs ?? 1000,
    drawLatencyMs: latencySource(
      { medianMs: latency.medianMs / speed, p95Ms: latency.p95Ms / speed },
      seededRandom(seed),
    ),
    drawDelayMs: uniformSource(2 * (options.jitterMs ?? 0), seededRandom(seed + 2)),
    now: options.now ?? Date.now,
  };
}
