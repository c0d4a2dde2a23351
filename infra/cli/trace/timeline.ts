import * as z from 'zod';
import type { LogLine } from './log-lines.ts';

const names = z.array(z.string()).catch([]);
/** Fields of the log lines of `lambdas/`. */
const detailsSchema = z.looseObject({
  correlationIds: names,
  causes: names,
  cause: z.string().optional().catch(undefined),
  fields: names,
  tagsAdded: names,
  tagsRemoved: names,
  requests: names,
  warnings: z.array(z.object({ field: z.string(), problem: z.string() })).catch([]),
  deliveries: z.number().catch(1),
  lagMs: z.number().optional(),
  contactId: z.number().optional(),
  reason: z.string().optional(),
  problem: z.string().optional(),
});

/** Formats a user's log lines, oldest first: changes, requests and outcomes. */
export function timelineText(lines: readonly LogLine[]): string {
  return lines
    .toSorted((a, b) => a.timestamp.localeCompare(b.timestamp))
    .map((line) => {
      const details = detailsSchema.parse(line);
      const { correlationIds, requests, warnings } = details;
      const from = correlationIds.length > 0 ? `  [${correlationIds.join(', ')}]` : '';
      const head = `${line.timestamp}  ${line.service}  ${line.message}${describe(details)}${from}\n`;
      const more = [...requests, ...warnings.map(({ field, problem }) => `${field}: ${problem}`)];
      return head + more.map((text) => `    ${text}\n`).join('');
    })
    .join('');
}

function describe(details: z.infer<typeof detailsSchema>): string {
  const { cause, causes, fields, tagsAdded, tagsRemoved, contactId, reason, problem } = details;
  const parts = [
    cause ?? causes.join(', '),
    fields.length > 0 && `fields ${fields.join(', ')}`,
    tagsAdded.length > 0 && `tags added: ${tagsAdded.join(', ')}`,
    tagsRemoved.length > 0 && `tags removed: ${tagsRemoved.join(', ')}`,
    contactId && `contact ${contactId}`,
    details.lagMs !== undefined && `${(details.lagMs / 1000).toFixed(1)} s after the change`,
    details.deliveries > 1 && `delivery ${details.deliveries}`,
    reason,
    problem,
  ].filter((part) => typeof part === 'string' && part !== '');
  return parts.length > 0 ? `: ${parts.join('; ')}` : '';
}
