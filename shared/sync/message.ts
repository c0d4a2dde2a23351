import * as z from 'zod';

const names = z.array(z.string());

const userMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('user'),
  userId: z.string().min(1),
  /** Why the user should be looked at; `resync`: somebody removed the user's `crm` map. */
  cause: z.enum(['created', 'changed', 'deleted', 'resync', 'backfill']),
  /** When the change was made, in ISO 8601. */
  changedAt: z.iso.datetime(),
  /** What changed, by name: for people who read the queue. The consumer works it out anew. */
  fields: names,
  tagsAdded: names,
  tagsRemoved: names,
  /** The contact of a deleted user, whose item can no longer tell it. */
  contactId: z.int().positive().optional(),
});

const refreshCatalogSchema = z.object({ version: z.literal(1), kind: z.literal('refresh-catalog') });

/** What travels through the queue: who changed and why, and no data of the person. */
export const messageSchema = z.discriminatedUnion('kind', [userMessageSchema, refreshCatalogSchema]);

export type Message = z.infer<typeof messageSchema>;
export type UserMessage = z.infer<typeof userMessageSchema>;
