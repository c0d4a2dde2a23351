import { textTable } from '../support/text-table.ts';
import type { Summary } from './summary.ts';

/** What an estimate needs besides the summary. */
export interface SummaryFrame {
  /** Approximate number of users in the table. */
  total: number;
  /** What the sync would create in the account first. */
  created: readonly string[];
  /** Parts of the mapping that the account does not accept. The sync leaves them out. */
  problems: readonly string[];
  requestsPerSecond: number;
  requestsPerDay: number;
}

/** A summary with an estimate for all users. */
export interface EstimatedSummary extends Summary {
  total: number;
  created: readonly string[];
  problems: readonly string[];
  /** Extrapolated from the sample. */
  estimate: {
    changed: number;
    requests: number;
    refreshRequests: number;
    minutesAtPace: number;
    shareOfDay: number;
  };
}

/** Extrapolates a sample to all users. */
export function estimate(
  summary: Summary,
  { total, created, problems, requestsPerSecond, requestsPerDay }: SummaryFrame,
): EstimatedSummary {
  const factor = summary.users === 0 ? 0 : Math.max(1, total / summary.users);
  const all = (count: number) => Math.round(count * factor);
  const requests = all(summary.requests);
  return {
    ...summary,
    total: Math.max(total, summary.users),
    created,
    problems,
    estimate: {
      changed: all(summary.changed),
      requests,
      refreshRequests: all(summary.refreshRequests),
      minutesAtPace: Number((requests / requestsPerSecond / 60).toFixed(1)),
      shareOfDay: Number((requests / requestsPerDay).toFixed(4)),
    },
  };
}

/** Formats the summary for a terminal. */
export function summaryText(summary: EstimatedSummary): string {
  const { users, total, changed, refreshed, contactsCreated, contactsUpdated, created, problems } = summary;
  const { estimate: all } = summary;
  const number = (count: number) => count.toLocaleString('en');
  const table = (title: string, counts: Readonly<Record<string, number>>) => {
    const rows = Object.entries(counts).sort(([, a], [, b]) => b - a);
    return rows.length > 0
      ? `${title}\n${textTable(
          ['contacts', ''],
          rows.map(([name, count]) => [number(count), name]),
          [0],
        )}`
      : '';
  };
  const sample =
    users < total ? `a sample of ${number(users)} of about ${number(total)} users` : `${number(users)} users`;
  return [
    `Previewed ${sample}: ${number(changed)} would change (${number(contactsCreated)} contacts to create, ${number(contactsUpdated)} to update).\n`,
    table('Fields', summary.fields),
    table('Tags added', summary.tagsAdded),
    table('Tags removed', summary.tagsRemoved),
    table('Corrected or left out', summary.warnings),
    table('Rejected', summary.rejected),
    table('Postponed', summary.postponed),
    created.length > 0 ? `The sync first creates ${created.join(', ')}.\n` : '',
    ...problems.map((problem) => `Left out: ${problem}.\n`),
    `For all users: about ${number(all.requests)} requests, ${all.minutesAtPace} minutes at the rate limit, ${(all.shareOfDay * 100).toFixed(1)} % of the daily quota.\n`,
    changed === 0
      ? ''
      : `Of these ${number(changed)} users, the daily refresh syncs the ${number(refreshed)} active ones (isActive), with about ${number(all.refreshRequests)} requests. The others are synced with their next change.\n`,
  ].join('');
}
