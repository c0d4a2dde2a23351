import { CHECK_EVERY_MS, type Health } from '../../../lambdas/check-health/assess.ts';
import { CONTACT_OPERATIONS, OUTCOMES } from '../../../lambdas/sync-contact/metrics.ts';
import type { MessageCounts } from '../../../shared/queue/count-messages.ts';
import type { Outputs } from '../support/connect.ts';
import type { CredentialsStatus } from '../support/credentials-status.ts';
import { type QuotaReport, quotaTable } from '../support/quota-report.ts';
import type { BackfillStatus } from './backfill-status.ts';
import type { Metrics } from './metrics.ts';

/** The state of the system. */
export interface Status {
  /** ISO 8601. */
  at: string;
  /** Of the last hour. */
  metrics: Metrics;
  /** The rate limit, from the settings. */
  requestsPerSecond: number;
  queue: MessageCounts;
  health: Health;
  /** Why changes of users do not reach diff-user. */
  changeFeedProblem: string | null;
  deadLetters: number;
  streamFailures: number;
  /** Of events about changes in the CRM; null if they are off. */
  events: {
    /** Seconds since changes were last read; null before the first poll. */
    lagSeconds: number | null;
    /** From when on this is a problem. */
    maxLagSeconds: number;
    /** Events that the callback has not accepted for a day. */
    refused: number;
  } | null;
  quota: QuotaReport;
  catalog: { refreshedAt: string; problems: readonly string[] } | null;
  credentials: CredentialsStatus;
  /** The running backfills, or the last one. */
  backfills: readonly BackfillStatus[];
}

const HOUR_MS = 3_600_000;

/** Problems that need a person, each with what to do. */
export function problemsOf(status: Status, command: Outputs['command']): string[] {
  const {
    health,
    changeFeedProblem,
    deadLetters,
    streamFailures,
    events,
    quota,
    catalog,
    credentials,
    backfills,
    at,
  } = status;
  return [
    credentials.kind === 'none' && `No credentials for the CRM: ${command('authorize')}`,
    credentials.expiresAt !== null &&
      Date.parse(credentials.expiresAt) < Date.parse(at) &&
      `The access token has expired and was not renewed: ${command('authorize')}`,
    // A message that has just arrived at an idle system is not an outage.
    health.nothingSucceeds &&
      oldestWaitMs(status) > CHECK_EVERY_MS &&
      `Messages wait, and no sync succeeds (last success: ${lastSuccess(health)}): docs/runbook.md#nothingsucceeds`,
    changeFeedProblem !== null &&
      `The change feed is stopped, ${changeFeedProblem}: docs/runbook.md#changefeed`,
    health.stuck.length > 0 &&
      `Failing for an hour: ${listed(health.stuck)}. For a user: ${command('trace --user ID')}`,
    deadLetters > 0 && `${deadLetters} dead letters: ${command('redrive --dry-run')}`,
    streamFailures > 0 && `${streamFailures} positions of the stream failed: ${command('replay')}`,
    events?.lagSeconds != null &&
      events.lagSeconds >= events.maxLagSeconds &&
      `Changes in the CRM were not read for ${Math.round(events.lagSeconds / 60)} minutes: ${command('events')}`,
    events &&
      events.refused > 0 &&
      `The callback has not accepted ${events.refused} events: docs/runbook.md#callbackdeadletters`,
    quota.pause && `Paused until ${quota.pause.until} (${quota.pause.reason}): ${command('quota')}`,
    (catalog?.problems.length ?? 0) > 0 && `The mapping does not fit the account: ${command('catalog')}`,
    ...backfills
      .filter(({ status }) => ['FAILED', 'TIMED_OUT'].includes(status))
      .map(
        ({ cause }) => `The last backfill failed${cause ? `, ${cause}` : ''}: docs/runbook.md#backfillfailed`,
      ),
  ].filter((problem) => typeof problem === 'string');
}

const oldestWaitMs = ({ health, metrics }: Status): number =>
  Math.max(health.oldestChangeMs, (metrics.oldestMessageSeconds ?? 0) * 1000);

const lastSuccess = ({ syncedAt }: Health): string =>
  syncedAt === undefined ? 'never' : new Date(syncedAt).toISOString();

const MAX_LISTED = 5;
const listed = (names: readonly string[]): string =>
  names.length > MAX_LISTED
    ? `${names.slice(0, MAX_LISTED).join(', ')} and ${names.length - MAX_LISTED} more`
    : names.join(', ');

/** Formats the status for a terminal. @param now epoch milliseconds. */
export function statusText(status: Status, problems: readonly string[], now: number): string {
  const {
    metrics,
    queue,
    health,
    deadLetters,
    streamFailures,
    events,
    quota,
    catalog,
    credentials,
    backfills,
  } = status;
  const seconds = (ms: number | undefined) => (ms === undefined ? '–' : `${(ms / 1000).toFixed(1)} s`);
  const oldestMs = metrics.oldestMessageSeconds && metrics.oldestMessageSeconds * 1000;
  const { kind, issuedAt, expiresAt } = credentials;
  const hoursOld = issuedAt && ((now - Date.parse(issuedAt)) / HOUR_MS).toFixed(1);
  const token = expiresAt ? `${kind}, ${hoursOld ?? '–'} hours old, expires ${expiresAt}` : kind;
  const runs = backfills.map(({ status, mode, startedAt, shareDone }) => {
    const done = shareDone === null ? '' : `, ${Math.round(100 * shareDone)} % done`;
    return `${status.toLowerCase()}, ${mode ?? ''} since ${startedAt}${done}`;
  });
  return [
    ...(problems.length > 0 ? problems.map((problem) => `✗ ${problem}\n`) : ['✓ No problems.\n']),
    '\nLast hour\n',
    `  lag           p50 ${seconds(metrics.lagP50Ms)}, p99 ${seconds(metrics.lagP99Ms)}\n`,
    `  users         ${OUTCOMES.map((outcome) => `${metrics.users[outcome]} ${outcome}`).join(', ')}\n`,
    `  contacts      ${CONTACT_OPERATIONS.map((name) => `${metrics.contacts[name]} ${name}`).join(', ')}\n`,
    `  requests      ${metrics.requests}, ${metrics.refused} refused; peak ${metrics.peakRequestsPerSecond.toFixed(1)} a second (limit ${status.requestsPerSecond}); latency p95 ${seconds(metrics.latencyP95Ms)}\n`,
    '\nNow\n',
    `  sync          last success ${lastSuccess(health)}; oldest postponed change ${seconds(health.oldestChangeMs)}\n`,
    `  backlog       ${queue.visible} messages waiting, ${queue.hidden} in progress or delayed; oldest ${seconds(oldestMs)}\n`,
    `  failures      ${deadLetters} dead letters, ${streamFailures} stream failures; diff-user is ${seconds(metrics.iteratorAgeMs)} behind the stream\n`,
    `  catalog       ${catalog ? `refreshed ${catalog.refreshedAt}, ${catalog.problems.length} problems` : 'not read yet'}\n`,
    events
      ? `  events        changes in the CRM read ${seconds(events.lagSeconds === null ? undefined : events.lagSeconds * 1000)} ago; ${events.refused} not accepted by the callback\n`
      : '',
    `  credentials   ${token}\n`,
    `  backfill      ${runs.join('; ') || 'none yet'}\n`,
    `\nQuota\n${quotaTable(quota, now)}`,
  ].join('');
}
