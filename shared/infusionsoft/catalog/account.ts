import * as z from 'zod/mini';
import { positiveInt } from '../../values.ts';

/** Something of the mapping as the account has it. Without an id it is missing; with a problem it cannot be used. */
const foundSchema = z.object({
  name: z.string(),
  id: z.optional(positiveInt),
  problem: z.optional(z.string()),
});

/** What an account has of that which a mapping asks for. */
export const accountSchema = z.object({
  tags: z.array(
    z.extend(foundSchema, {
      description: z.string(),
      category: z.optional(z.string()),
      /** Contacts that carry it, where they were counted. */
      contacts: z.optional(z.int()),
    }),
  ),
  customFields: z.array(z.extend(foundSchema, { type: z.string(), options: z.array(z.string()) })),
  leadSources: z.array(foundSchema),
  contactTypes: z.array(z.omit(foundSchema, { id: true })),
  /** Ids of the members of staff by lower-case email, where the mapping names any. */
  staff: z.optional(z.record(z.string(), positiveInt)),
});
export type Account = z.infer<typeof accountSchema>;
export type AccountTag = Account['tags'][number];
export type AccountField = Account['customFields'][number];

/** All that cannot be used as the mapping wants it, in words. */
export function problemsOf({ tags, customFields, leadSources, contactTypes }: Account): string[] {
  const of = (kind: string, items: readonly { name: string; problem?: string | undefined }[]) =>
    items.filter(({ problem }) => problem).map(({ name, problem }) => `${kind} "${name}": ${problem}`);
  return [
    ...of('tag', tags),
    ...of('custom field', customFields),
    ...of('lead source', leadSources),
    ...of('contact type', contactTypes),
  ];
}

/** All that is not there yet and can be created, in words. */
export function missingFrom({ tags, customFields, leadSources }: Account): string[] {
  const of = (kind: string, items: readonly z.infer<typeof foundSchema>[]) =>
    items.filter((item) => item.id === undefined && !item.problem).map((item) => `${kind} "${item.name}"`);
  return [...of('tag', tags), ...of('custom field', customFields), ...of('lead source', leadSources)];
}
