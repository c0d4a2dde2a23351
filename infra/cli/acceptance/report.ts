import { percentile } from '../support/percentile.ts';
import { textTable } from '../support/text-table.ts';
import type { CleanUp } from './clean-up.ts';
import { CHANGE_KINDS, type ChangeKind } from './plan.ts';
import type { RequestsMade } from './requests-made.ts';
import type { Deviation } from './verification.ts';

/** Latencies of one kind of change, from the write to the user table until the sync had finished, in milliseconds. */
interface Latency {
  count: number;
  min: number;
  median: number;
  p99: number;
  max: number;
}

/** The result of a run. */
export interface AcceptanceReport {
  stack: string;
  runId: string;
  users: number;
  /** ISO 8601. */
  startedAt: string;
  durationMs: number;
  /** Whether everything was verified, and nothing of the run is left. */
  ok: boolean;
  deviations: Deviation[];
  /** Why the run stopped before its last change, or null. */
  stopped: string | null;
  /** Fields of the mapping that the CRM does not return. */
  notReturned: string[];
  latencyMs: Partial<Record<ChangeKind, Latency>>;
  requests: {
    /** By the sync, from its log; null when the log could not be read. */
    sync: RequestsMade | null;
    /** By this command. */
    own: number;
  };
  cleanUp: CleanUp;
  /** The clean-up of an earlier run that had not cleaned up, or null. */
  earlier: CleanUp | null;
}

/** @returns undefined when there are no values. */
export function latencyOf(ms: readonly number[]): Latency | undefined {
  if (ms.length === 0) return undefined;
  const at = (part: number) => Math.round(percentile(ms, part));
  return { count: ms.length, min: at(0), median: at(0.5), p99: at(0.99), max: at(1) };
}

/** Whether everything was verified and nothing is left. */
export const isOk = ({
  deviations,
  stopped,
  cleanUp,
}: Pick<AcceptanceReport, 'deviations' | 'stopped' | 'cleanUp'>): boolean =>
  deviations.length === 0 && stopped === null && cleanUp.remaining.length === 0;

/** Formats the report for a terminal. */
export function reportText(report: AcceptanceReport): string {
  const { deviations, latencyMs, requests, cleanUp, notReturned, stopped } = report;
  const rows = CHANGE_KINDS.flatMap((kind) => {
    const latency = latencyMs[kind];
    if (!latency) return [];
    const { count, min, median, p99, max } = latency;
    return [[kind, String(count), ...[min, median, p99, max].map(seconds)]];
  });
  const { sync, own } = requests;
  return [
    textTable(['change', 'users', 'min', 'median', 'p99', 'max'], rows, [1, 2, 3, 4, 5]),
    sync === null
      ? '  Requests by the sync: unknown, its log could not be read\n'
      : `  Requests by the sync: ${sync.total}, ${sync.perUser.toFixed(2)} a user; ${sync.perNewUser ?? '–'} for a new user (median)\n`,
    `  Requests by this command: ${own}\n`,
    notReturned.length > 0
      ? `  Not verified, because the CRM does not return it: ${notReturned.join(', ')}\n`
      : '',
    ...deviations.map(
      ({ userId, change, field, expected, found }) =>
        `  ✗ ${userId}, ${change}: ${field}: expected ${expected ?? 'empty'}, found ${found ?? 'empty'}\n`,
    ),
    stopped === null ? '' : `  ✗ Stopped: ${stopped}\n`,
    cleanUpText(cleanUp),
    report.ok ? `✓ All ${report.users} users were synced correctly, and nothing of them is left.\n` : '',
  ].join('');
}

/** Formats a clean-up for a terminal. */
export function cleanUpText({ runId, users, contacts, items, remaining }: CleanUp): string {
  return [
    `  Cleaned up run ${runId}: ${users} users, ${contacts} contacts, ${items} items of the sync's table\n`,
    ...remaining.map((what) => `  ✗ Not removed: ${what}\n`),
    remaining.length > 0 ? '  Run again with --clean-up when the sync works.\n' : '',
  ].join('');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
