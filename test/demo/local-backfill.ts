import { SFNClient } from '@aws-sdk/client-sfn';
import { marshall } from '@aws-sdk/util-dynamodb';
import { type BackfillProgress, followBackfill, startBackfill } from '../../infra/cli/follow-backfill.ts';
import type { BackfillInput } from '../../lambdas/backfill/input.ts';
import type { Report } from '../../lambdas/backfill/run.ts';
import { PRESETS } from '../../shared/quota/limits.ts';
import { DEFAULT_TOKEN } from '../simulator/simulator.ts';
import { crmAccount } from './crm-account.ts';
import { type LiveLatency, liveEdits } from './live-edits.ts';
import { population } from './population.ts';
import { type SimulatedSystem, startSimulatedSystem } from './simulated-system.ts';
import { ALL_TAGS, verify } from './verify.ts';

export interface LocalBackfillOptions {
  /** Users that are in the table before the stack. */
  users: number;
  /** Limits and pace times this, latencies divided by it. */
  speed: number;
  seed: number;
  /** Edits made while the backfill runs. */
  liveEdits: number;
  input: BackfillInput;
}

/** What a backfill on this machine came to. */
export interface LocalBackfillReport {
  report: Report;
  users: number;
  inSync: number;
  /** Requests that the CRM took, and refused. */
  requests: number;
  throttled: number;
  maxRequestsInAnySecond: number;
  /** Requests ÷ (rate × seconds) between the first and the last tenth of them. */
  utilisation: number;
  historyEvents: number[];
  liveLatencyMs: LiveLatency | null;
  deadLetters: number;
  foreignWrites: number;
  elapsedMs: number;
  problems: string[];
}

const LATENCY_P95_MS = 400;
const FOLLOW_MS = 500;
const SETTLE_MS = 15 * 60_000;

/** Users in a table, then the stack, then a backfill of them on this machine; then every user is held against the CRM. */
export async function runLocalBackfill(
  options: LocalBackfillOptions,
  say: (what: string) => void,
  onProgress: (progress: BackfillProgress) => void,
): Promise<LocalBackfillReport> {
  const { speed, seed } = options;
  const limits = {
    second: PRESETS.team.second * speed,
    minute: PRESETS.team.minute * speed,
    day: PRESETS.team.day * speed,
    month: PRESETS.team.month * speed,
  };
  const rate = limits.second;
  let running: SimulatedSystem | undefined;
  try {
    say(`Starting the CRM and the local cloud, with ${options.users} users in the table`);
    const { users } = population(options.users, seed, Date.now());
    running = await startSimulatedSystem({
      simulator: [
        ...['--seed', String(seed), '--speed', String(speed)],
        ...['--day', String(limits.day), '--month', String(limits.month)],
      ],
      settings: {
        crm: {
          limits,
          latencyP95Ms: LATENCY_P95_MS / speed,
        },
      },
      existingUsers: users.map((user) => marshall(user, { removeUndefinedValues: true })),
    });
    const { simulator, door, system } = running;
    const { cloud, app } = system;

    say('The backfill runs');
    const startedAt = Date.now();
    const sfn = new SFNClient(cloud.sdk('SFN'));
    const executionArn = await startBackfill(
      sfn,
      cloud.outputs['BackfillStateMachineArn'] ?? '',
      options.input,
    );
    const edited = users.filter((_, index) => index % Math.ceil(users.length / options.liveEdits) === 0);
    const duringBackfill = (options.users * 1000) / rate / 2;
    const [finished, liveLatencyMs] = await Promise.all([
      followBackfill(sfn, executionArn, FOLLOW_MS, onProgress),
      options.liveEdits > 0 ? liveEdits(app, simulator.url, edited, duringBackfill) : null,
    ]);
    await cloud.untilIdle(SETTLE_MS);
    const elapsedMs = Date.now() - startedAt;

    say('Holding every user against the CRM');
    const [stats, times] = [await door.stats(), await door.times()];
    const { inSync, problems } = verify({
      users: await app.users(),
      contacts: await crmAccount(simulator.url, DEFAULT_TOKEN, rate).contacts(ALL_TAGS),
      existing: [],
      deletedContactIds: [],
      now: Date.now(),
    });
    return {
      report: finished.report,
      users: users.length,
      inSync,
      requests: stats.totalRequests,
      throttled: stats.throttled,
      maxRequestsInAnySecond: stats.maxArrivalsInAnySecond,
      utilisation: utilisation(times, rate),
      historyEvents: finished.historyEvents,
      liveLatencyMs,
      deadLetters: await system.deadLetters(),
      foreignWrites: stats.foreignWrites.length,
      elapsedMs,
      problems: finished.report.dryRun ? [] : problems,
    };
  } finally {
    await running?.stop();
  }
}

/** How much of the rate was used between the first and the last tenth of the requests, by their arrival. */
function utilisation(times: readonly number[], rate: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  const [from, to] = [Math.floor(sorted.length * 0.1), Math.floor(sorted.length * 0.9)];
  const seconds = ((sorted[to] ?? 0) - (sorted[from] ?? 0)) / 1000;
  return seconds > 0 ? Number(((to - from) / (rate * seconds)).toFixed(3)) : 0;
}
