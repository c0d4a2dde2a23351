import * as z from 'zod/mini';
import { requirementsSchema } from '../user/requirements.ts';
import { filledText, positiveInt, utcMoment } from '../values.ts';

const names = z.array(z.string());

const userMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('user'),
  userId: filledText,
  /** Why the user should be looked at; `resync`: somebody removed the user's `crm` map. */
  cause: z.enum(['created', 'changed', 'deleted', 'resync', 'backfill']),
  /** When the change was made, in ISO 8601. */
  changedAt: utcMoment,
  /** Id of the stream record or of the backfill's run that the message comes from: the same in the log lines of all that follows. */
  correlationId: z.optional(z.string()),
  /** What changed, by name: for people who read the queue. The consumer works it out anew. */
  fields: names,
  tagsAdded: names,
  tagsRemoved: names,
  /** The contact of a deleted user, whose item can no longer tell it. */
  contactId: z.optional(positiveInt),
  /** Until when somebody works on the deleted user at most, in ISO 8601: nobody knows before what the contact holds. */
  notBefore: z.optional(utcMoment),
  /** The tags of a new contact are left to a message about many users. */
  tagsLater: z.optional(z.boolean()),
});

/** Users whose tags are changed together, tag by tag: one request does for many contacts what else takes one or two for each. */
const tagUsersSchema = z.object({
  version: z.literal(1),
  kind: z.literal('tag-users'),
  userIds: z.array(filledText).check(z.minLength(1)),
  /** When they were looked at, in ISO 8601. */
  changedAt: utcMoment,
  /** Id of the backfill's run. */
  correlationId: z.string(),
});

/** Asks for a report on the CRM's account: what it has of that which a mapping asks for. */
const inspectAccountSchema = z.object({
  version: z.literal(1),
  kind: z.literal('inspect-account'),
  inspectionId: filledText,
  needs: requirementsSchema,
  /** Whether what is missing is created. */
  create: z.boolean(),
  /** Whether the contacts of each tag are counted: one request for each. */
  count: z.boolean(),
});

/** A person who has left the app asks to be forgotten. */
const forgetSchema = z.object({
  version: z.literal(1),
  kind: z.literal('forget'),
  userId: filledText,
  /** The contact, where the sync's own record does not know it. */
  contactId: z.optional(positiveInt),
  requestId: filledText,
});

/** What travels through the queue: who changed and why, and no data of the person. */
export const messageSchema = z.discriminatedUnion('kind', [
  userMessageSchema,
  tagUsersSchema,
  inspectAccountSchema,
  forgetSchema,
]);

export type Message = z.infer<typeof messageSchema>;
export type ForgetMessage = z.infer<typeof forgetSchema>;
export type InspectAccountMessage = z.infer<typeof inspectAccountSchema>;
export type TagUsersMessage = z.infer<typeof tagUsersSchema>;
export type UserMessage = z.infer<typeof userMessageSchema>;
