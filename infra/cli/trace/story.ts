import * as z from 'zod';
import type { LogLine } from './log-line.ts';

const names = z.array(z.string()).catch([]);
/** What the lines about a user say beside who it is, see `lambdas/`. */
const detailsSchema = z.looseObject({
  correlationIds: names,
  causes: names,
  cause: z.string().optional().catch(undefined),
  fields: names,
  tagsAdded: names,
  tagsRemoved: names,
  requests: names,
  deliveries: z.number().catch(1),
  lagMs: z.number().optional(),
  contactId: z.number().optional(),
  reason: z.string().optional(),
  problem: z.string().optional(),
});

/** A user's story, oldest line first: changes seen, requests made, and what came of them. */
export function storyText(lines: readonly LogLine[]): string {
  return lines
    .toSorted((a, b) => a.timestamp.localeCompare(b.timestamp))
    .map((line) => {
      const details = detailsSchema.parse(line);
      const { correlationIds, requests } = details;
      const from = correlationIds.length > 0 ? `  [${correlationIds.join(', ')}]` : '';
      const head = `${line.timestamp}  ${line.service}  ${line.message}${describe(details)}${from}\n`;
      return head + requests.map((request) => `    ${request}\n`).join('');
    })
    .join('');
}

function describe(details: z.infer<typeof detailsSchema>): string {
  const { cause, causes, fields, tagsAdded, tagsRemoved, contactId, reason, problem } = details;
  const parts = [
    cause ?? causes.join(', '),
    fields.length > 0 && `fields ${fields.join(', ')}`,
    tagsAdded.length > 0 && `tags on: ${tagsAdded.join(', ')}`,
    tagsRemoved.length > 0 && `tags off: ${tagsRemoved.join(', ')}`,
    contactId && `contact ${contactId}`,
    details.lagMs !== undefined && `${(details.lagMs / 1000).toFixed(1)} s after the change`,
    details.deliveries > 1 && `delivery ${details.deliveries}`,
    reason,
    problem,
  ].filter((part) => typeof part === 'string' && part !== '');
  return parts.length > 0 ? `: ${parts.join('; ')}` : '';
}
