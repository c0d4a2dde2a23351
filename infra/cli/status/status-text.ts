import { CHECK_EVERY_MS, type Health } from '../../../lambdas/check-health/assess.ts';
import type { MessageCounts } from '../../../shared/queue/count-messages.ts';
import type { QuotaReport } from '../quota-report.ts';
import { quotaTable } from '../quota-report.ts';
import type { BackfillStatus } from './backfill-status.ts';
import type { CredentialsStatus } from './credentials-status.ts';
import { DONE, type Figures, OUTCOMES } from './figures.ts';

/** One screen of how the system is. */
export interface Status {
  at: string;
  figures: Figures;
  /** What the contract allows. */
  requestsASecond: number;
  queue: MessageCounts;
  health: Health;
  deadLetters: number;
  streamFailures: number;
  quota: QuotaReport;
  catalog: { refreshedAt: string; problems: readonly string[] } | null;
  credentials: CredentialsStatus;
  /** Those that run, or the last one. */
  backfills: readonly BackfillStatus[];
}

const HOUR_MS = 3_600_000;

/** What needs a person, with what to do; empty when all is well. */
export function complaintsOf(status: Status): string[] {
  const { health, deadLetters, streamFailures, quota, catalog, credentials, backfills, at } = status;
  return [
    credentials.kind === 'none' && 'The CRM does not let the sync in yet: npm run authorize',
    credentials.expiresAt !== null &&
      Date.parse(credentials.expiresAt) < Date.parse(at) &&
      'The access token has expired, and was not renewed: npm run authorize',
    // A message that has just come to an idle system is no outage.
    health.nothingSucceeds &&
      oldestWaitMs(status) > CHECK_EVERY_MS &&
      `Messages wait, and nothing succeeds (last success: ${lastSuccess(health)}): docs/runbook.md#nothingsucceeds`,
    health.stuck.length > 0 &&
      `Every attempt has failed for an hour for ${listed(health.stuck)}: npm run trace -- --user ID`,
    deadLetters > 0 && `${deadLetters} users the CRM does not get: npm run redrive -- --dry-run`,
    streamFailures > 0 && `${streamFailures} positions of the stream were not handled: npm run replay`,
    quota.pause && `Paused until ${quota.pause.until} (${quota.pause.reason}): npm run quota`,
    (catalog?.problems.length ?? 0) > 0 && 'The mapping does not fit the account: npm run catalog',
    ...backfills
      .filter(({ status }) => ['FAILED', 'TIMED_OUT'].includes(status))
      .map(({ cause }) => `The last backfill failed: ${cause}`),
  ].filter((complaint) => typeof complaint === 'string');
}

const oldestWaitMs = ({ health, figures }: Status): number =>
  Math.max(health.oldestChangeMs, (figures.oldestMessageSeconds ?? 0) * 1000);

const lastSuccess = ({ syncedAt }: Health): string =>
  syncedAt === undefined ? 'never' : new Date(syncedAt).toISOString();

const LISTED = 5;
const listed = (names: readonly string[]): string =>
  names.length > LISTED
    ? `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more`
    : names.join(', ');

/** The status for a terminal. */
export function statusText(status: Status, now: number): string {
  const { figures, queue, health, deadLetters, streamFailures, quota, catalog, credentials, backfills } =
    status;
  const complaints = complaintsOf(status);
  const seconds = (ms: number | undefined) => (ms === undefined ? '–' : `${(ms / 1000).toFixed(1)} s`);
  const oldestMs = figures.oldestMessageSeconds && figures.oldestMessageSeconds * 1000;
  const { kind, issuedAt, expiresAt } = credentials;
  const hoursOld = issuedAt && ((now - Date.parse(issuedAt)) / HOUR_MS).toFixed(1);
  const token = expiresAt ? `${kind}, ${hoursOld ?? '–'} hours old, until ${expiresAt}` : kind;
  const runs = backfills.map(({ status, mode, startedAt, shareDone }) => {
    const done = shareDone === null ? '' : `, ${Math.round(100 * shareDone)} % done`;
    return `${status.toLowerCase()}, ${mode ?? ''} since ${startedAt}${done}`;
  });
  return [
    ...(complaints.length > 0
      ? complaints.map((complaint) => `✗ ${complaint}\n`)
      : ['✓ Nothing needs a person.\n']),
    '\nThe last hour\n',
    `  lag           p50 ${seconds(figures.lagP50Ms)}, p99 ${seconds(figures.lagP99Ms)}\n`,
    `  users         ${OUTCOMES.map((outcome) => `${figures.users[outcome]} ${outcome}`).join(', ')}\n`,
    `  contacts      ${DONE.map((name) => `${figures.done[name]} ${name}`).join(', ')}\n`,
    `  requests      ${figures.requests}, ${figures.refused} refused; ${figures.mostRequestsASecond.toFixed(1)} a second (of ${status.requestsASecond}) in the busiest minute; latency p95 ${seconds(figures.latencyP95Ms)}\n`,
    '\nNow\n',
    `  in sync       last success ${lastSuccess(health)}; the oldest change that was postponed is ${seconds(health.oldestChangeMs)} old\n`,
    `  backlog       ${queue.visible} messages wait, ${queue.hidden} are worked on or wait for a time; the oldest is ${seconds(oldestMs)} old\n`,
    `  failures      ${deadLetters} dead letters, ${streamFailures} positions of the stream, which diff-user is ${seconds(figures.iteratorAgeMs)} behind\n`,
    `  catalog       ${catalog ? `read ${catalog.refreshedAt}, ${catalog.problems.length} problems` : 'not read yet'}\n`,
    `  credentials   ${token}\n`,
    `  backfill      ${runs.join('; ') || 'none yet'}\n`,
    `\nQuota\n${quotaTable(quota, now)}`,
  ].join('');
}
