import type { BackfillProgress } from '../../infra/cli/follow-backfill.ts';
import type { Report } from '../../lambdas/backfill/run.ts';

const BAR = 30;
/** How often a line is written where there is no terminal, in milliseconds. */
const LINE_EVERY_MS = 10_000;

/** Shows where a run stands: a bar that is rewritten on a terminal, and a line every ten seconds elsewhere. */
export function progressBar(stream: NodeJS.WriteStream): (progress: BackfillProgress) => void {
  let lastShown = 0;
  return ({ run }) => {
    if (!stream.isTTY && Date.now() - lastShown < LINE_EVERY_MS) return;
    lastShown = Date.now();
    const filled = Math.round(run.shareDone * BAR);
    const perSecond = run.done / Math.max(1, (Date.now() - Date.parse(run.startedAt)) / 1000);
    const remaining = Math.max(0, Math.round((Date.parse(run.estimatedEnd) - Date.now()) / 1000));
    const waiting = run.next === 'waitForQuota' ? ', waits for the quota' : '';
    const line =
      `[${'█'.repeat(filled)}${'·'.repeat(BAR - filled)}] ${(run.shareDone * 100).toFixed(0)} %  ` +
      `${run.scanned} of ${run.users} users, ${perSecond.toFixed(1)} a second, ${run.sent.length} in flight, ${run.done} done, ` +
      `${Math.floor(remaining / 60)} min ${remaining % 60} s left${waiting}`;
    stream.write(stream.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  };
}

/** What a run came to, for a person. */
export function summary(report: Report, historyEvents: readonly number[]): string {
  const { findings, secondsAtPace, shareOfDay } = report;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([reason, count]) => `${count} ${reason}`)
      .join(', ') || 'none';
  const unfinished = report.unfinished.users.map(({ userId, reason }) => `  ${userId}: ${reason}\n`);
  return `${report.dryRun ? 'Dry run: nothing was sent' : 'Done'} (${report.mode})

  users                   ${report.scanned} looked at, ${report.enqueued} ${report.dryRun ? 'to send' : 'sent'}, ${report.skipped} right already
  of those                ${findings.created} created, ${findings.updated} updated, ${findings.tagged} tagged
  cannot be sent          ${list(findings.invalid)}
  refused by the CRM      ${list(report.rejected)}
  not waited for          ${report.unfinished.total || 'none'}${report.unfinished.total > 0 ? '; they are tried again without this run' : ''}
  requests                ${report.requests} planned, ${report.requestsAtMost} at most
  at the pace             ${Math.floor(secondsAtPace / 60)} min ${secondsAtPace % 60} s, ${(shareOfDay * 100).toFixed(1)} % of the day's quota
  history events          ${historyEvents.join(' + ')} of 25,000
${unfinished.join('')}`;
}
