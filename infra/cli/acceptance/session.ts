import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mapping } from '../../../shared/user/define-mapping.ts';
import { type CleanUp, cleanUp } from './clean-up.ts';
import type { ChangeKind, RunName, Step } from './plan.ts';
import { type AcceptanceReport, isOk, latencyOf } from './report.ts';
import type { RequestsMade } from './requests-made.ts';
import { type Findings, makeRun } from './run.ts';
import { ALIVE_MS, OtherRunError, type Recorder, type RunRecordStore, takeRecord } from './run-record.ts';
import type { TestedSystem } from './system.ts';

export interface SessionOptions {
  stack: string;
  mapping: Mapping;
  users: number;
  domain: string;
  timeoutMs: number;
  /** Stops the changes; the clean-up still runs. */
  signal: AbortSignal;
  /** Called with a description of each step. */
  onProgress: (text: string) => void;
  /** Counts the sync's requests since a time (epoch milliseconds); null when that is not possible. */
  countRequests: (runId: string, from: number) => Promise<RequestsMade | null>;
}

/** How often a process extends its record, in milliseconds. */
const HEARTBEAT_MS = ALIVE_MS / 3;

/** A run whose process ended without a clean-up. */
export interface LeftBehind {
  run: RunName & { startedAt: string };
  version: number;
}

/**
 * Finds a run whose process ended without a clean-up.
 *
 * @throws OtherRunError while its process is alive.
 */
export async function findLeftBehind(records: RunRecordStore): Promise<LeftBehind | undefined> {
  const first = await records.read();
  if (!first) return undefined;
  const waitMs = Math.min(ALIVE_MS, first.value.aliveUntil - Date.now());
  if (waitMs > 0) await sleep(waitMs);
  const stored = waitMs > 0 ? await records.read() : first;
  if (!stored) return undefined;
  if (stored.version !== first.version)
    throw new OtherRunError(
      `An acceptance run that started at ${stored.value.startedAt} is in progress. Wait until it has ended.`,
    );
  return { run: stored.value, version: stored.version };
}

/** Removes everything that such a run has left behind. */
export async function cleanUpLeftBehind(
  { version }: LeftBehind,
  records: RunRecordStore,
  system: TestedSystem,
  timeoutMs: number,
): Promise<CleanUp> {
  const stored = await records.read();
  if (stored?.version !== version) throw new OtherRunError('Another process is cleaning up the earlier run.');
  const recorder = await takeRecord(records, stored.value, version);
  return whileAlive(
    recorder,
    () => {},
    () => cleanUp(recorder, system, { timeoutMs }),
  );
}

/** Runs the acceptance test, and removes everything that it created. */
export async function acceptance(
  records: RunRecordStore,
  system: TestedSystem,
  options: SessionOptions,
): Promise<Omit<AcceptanceReport, 'earlier'>> {
  const { stack, mapping, users, domain, timeoutMs, onProgress } = options;
  const began = Date.now();
  const startedAt = new Date(began).toISOString();
  const run = {
    runId: randomBytes(6).toString('hex'),
    domain,
    users,
    startedAt,
    contacts: [],
    retired: false,
  };
  const findings: Findings = { deviations: [], notReturned: new Set(), latencies: new Map() };
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const onStep = (step: Step) => onProgress(describe(step));
  const recorder = await takeRecord(records, run, undefined);
  const { stopped, cleaned } = await whileAlive(
    recorder,
    (error) => lost.abort(error),
    async () => {
      const stopped = await makeRun(recorder, mapping, system, { timeoutMs, signal }, findings, onStep).then(
        () => null,
        (error: unknown) => (options.signal.aborted ? 'interrupted' : problemOf(lost.signal.reason ?? error)),
      );
      onProgress(stopped === null ? 'cleaning up' : `stopped (${stopped}), cleaning up`);
      return { stopped, cleaned: await cleanUp(recorder, system, { timeoutMs }) };
    },
  );
  const latencies = [...findings.latencies].flatMap(([kind, ms]): [ChangeKind, unknown][] => [
    [kind, latencyOf(ms)],
  ]);
  const report = {
    stack,
    runId: run.runId,
    users,
    startedAt,
    durationMs: Date.now() - began,
    deviations: findings.deviations,
    stopped,
    notReturned: [...findings.notReturned],
    latencyMs: Object.fromEntries(latencies) as AcceptanceReport['latencyMs'],
    requests: { sync: await options.countRequests(run.runId, began), own: system.crm.requests() },
    cleanUp: cleaned,
  };
  return { ...report, ok: isOk(report) };
}

/** Renews the record while work is running. */
async function whileAlive<Result>(
  recorder: Recorder,
  onLost: (error: unknown) => void,
  work: () => Promise<Result>,
): Promise<Result> {
  const heartbeat = setInterval(() => void recorder.update({}).catch(onLost), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
  }
}

function describe(step: Step): string {
  const counts = Map.groupBy(step, ({ kind }) => kind);
  return [...counts].map(([kind, { length }]) => `${kind}: ${length}`).join(', ');
}

const problemOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
