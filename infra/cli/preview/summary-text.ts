import { textTable } from '../text-table.ts';
import type { Summary } from './summary.ts';

/** What a summary is of, and what it means for the quota. */
export interface SummaryFrame {
  /** Users in the table, about; more than were looked at where the summary is of a sample. */
  total: number;
  /** What the sync would create in the account first. */
  created: readonly string[];
  requestsPerSecond: number;
  requestsPerDay: number;
}

/** A summary with the estimate for all users, from a sample. */
export interface EstimatedSummary extends Summary {
  total: number;
  created: readonly string[];
  /** Estimates for all users: the figures themselves where all were looked at. */
  estimate: {
    changed: number;
    requests: number;
    refreshRequests: number;
    minutesAtPace: number;
    shareOfDay: number;
  };
}

/** Scales a sample up to all users. */
export function estimate(
  summary: Summary,
  { total, created, requestsPerSecond, requestsPerDay }: SummaryFrame,
): EstimatedSummary {
  const factor = summary.users === 0 ? 0 : Math.max(1, total / summary.users);
  const all = (count: number) => Math.round(count * factor);
  const requests = all(summary.requests);
  return {
    ...summary,
    total: Math.max(total, summary.users),
    created,
    estimate: {
      changed: all(summary.changed),
      requests,
      refreshRequests: all(summary.refreshRequests),
      minutesAtPace: Number((requests / requestsPerSecond / 60).toFixed(1)),
      shareOfDay: Number((requests / requestsPerDay).toFixed(4)),
    },
  };
}

/** The summary for a terminal. */
export function summaryText(summary: EstimatedSummary): string {
  const { users, total, changed, refreshed, contactsCreated, contactsUpdated, created } = summary;
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
    `Looked at ${sample}: ${number(changed)} would change (${number(contactsCreated)} contacts to create, ${number(contactsUpdated)} to update).\n`,
    table('Fields', summary.fields),
    table('Tags that come on', summary.tagsAdded),
    table('Tags that come off', summary.tagsRemoved),
    table('Users that the CRM would not get', summary.rejected),
    created.length > 0 ? `The sync first creates ${created.join(', ')}.\n` : '',
    `For all users: about ${number(all.requests)} requests, ${all.minutesAtPace} minutes at the pace, ${(all.shareOfDay * 100).toFixed(1)} % of a day's limit.\n`,
    `The daily refresh (isActive) brings ${number(refreshed)} of the ${number(changed)} up to date, by about ${number(all.refreshRequests)} requests; the others follow with their next change.\n`,
  ].join('');
}
