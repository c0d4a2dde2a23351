import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { requirementsSchema } from '../user/requirements.ts';
import { filledText, positiveInt, utcMoment } from '../zod-types.ts';

const names = z.array(z.string());

/** A user to sync. */
const userMessageSchema = z.object({
  version: z.literal(1),
  kind: z.literal('user'),
  userId: filledText,
  /** Why the user is synced. `resync`: the user's `crm` map was removed or replaced, or what it says may be wrong. */
  cause: z.enum(['created', 'changed', 'deleted', 'resync', 'backfill']),
  /** When the change was made, in ISO 8601. */
  changedAt: utcMoment,
  /** Id of the stream record or backfill run that caused the message. All its log lines have it. */
  correlationId: z.optional(z.string()),
  /** Names of what changed, for people who read the queue. The consumer computes the changes itself. */
  fields: names,
  tagsAdded: names,
  tagsRemoved: names,
  /** What the `crm` map said before the user was deleted, or before the map was removed or replaced. */
  contactId: z.optional(positiveInt),
  formerContactIds: z.optional(z.array(positiveInt)),
  /** When a contact was created whose id is not known, in ISO 8601. */
  attemptedAt: z.optional(utcMoment),
  /**
   * When the last request of an invocation that had leased the user must have taken effect, in ISO 8601. Before that, the contact may still
   * change, and the item no longer says so.
   */
  notBefore: z.optional(utcMoment),
  /**
   * The app withdrew a consent with this change. It matters only if the item no longer says so, because the user was deleted, or the `crm`
   * map was removed or replaced. Otherwise, the item decides.
   */
  withdrawn: z.optional(z.boolean()),
  /**
   * The sync may have opted in the user's email, as the `crm` map said before it was removed or replaced. So a later withdrawal has to
   * reach the CRM.
   */
  optedIn: z.optional(z.boolean()),
  /** The tags of a new contact are left to a `tag-users` message. */
  tagsLater: z.optional(z.boolean()),
});

/** Users whose tags are changed together, tag by tag: one request for many contacts, instead of one or two for each. */
const tagUsersSchema = z.object({
  version: z.literal(1),
  kind: z.literal('tag-users'),
  userIds: z.array(filledText).check(z.minLength(1)),
  /** When the backfill read them, in ISO 8601. */
  changedAt: utcMoment,
  /** Id of the backfill's run. */
  correlationId: z.string(),
});

/** A request for a report on the CRM's account: the fields and tags that a mapping requires. */
const inspectAccountSchema = z.object({
  version: z.literal(1),
  kind: z.literal('inspect-account'),
  inspectionId: filledText,
  requirements: requirementsSchema,
  /** Whether missing fields and tags are created. */
  create: z.boolean(),
  /** Whether the contacts of each tag are counted, which costs one request for each tag. */
  count: z.boolean(),
});

/** A request to erase a person who has left the app. */
const forgetSchema = z.object({
  version: z.literal(1),
  kind: z.literal('forget'),
  userId: filledText,
  /** The contact, if the sync has no record of it. */
  contactId: z.optional(positiveInt),
  requestId: filledText,
});

/** A poll of the CRM for changes that were made there. */
const pollSchema = z.object({
  version: z.literal(1),
  kind: z.literal('poll-crm'),
  /**
   * `changes`: changes that a date shows. `opt-outs`: addresses that get no marketing. `listing`: all contacts, and all items of the polled
   * resources. `replay`: another event for each change since a time.
   */
  poll: z.enum(['changes', 'opt-outs', 'listing', 'replay']),
  /** The scheduled time, in ISO 8601. A poll that is complete for this time is not repeated. */
  scheduledAt: utcMoment,
  /** Where a replay begins, in ISO 8601. */
  since: z.optional(utcMoment),
  /** How many messages have continued the poll before this one. */
  part: z.optional(z.int()),
});

/** A message in the queue. It names who changed and why, and contains no personal data. */
export const messageSchema = z.discriminatedUnion('kind', [
  userMessageSchema,
  tagUsersSchema,
  inspectAccountSchema,
  forgetSchema,
  pollSchema,
]);

export type Message = z.infer<typeof messageSchema>;
export type ForgetMessage = z.infer<typeof forgetSchema>;
export type InspectAccountMessage = z.infer<typeof inspectAccountSchema>;
export type PollMessage = z.infer<typeof pollSchema>;
export type TagUsersMessage = z.infer<typeof tagUsersSchema>;
export type UserMessage = z.infer<typeof userMessageSchema>;

/**
 * A message to sync a user, without names of what changed.
 *
 * @param changedAt when the change was made, in epoch milliseconds.
 * @example userMessage('8d7e70bd', { cause: 'resync', changedAt: Date.now() })
 */
export function userMessage(
  userId: string,
  {
    changedAt,
    ...more
  }: Omit<Partial<UserMessage>, 'changedAt'> & { cause: UserMessage['cause']; changedAt: number },
): UserMessage {
  return {
    version: 1,
    kind: 'user',
    userId,
    changedAt: new Date(changedAt).toISOString(),
    fields: [],
    tagsAdded: [],
    tagsRemoved: [],
    ...more,
  };
}

/** The FIFO message group of all polls: one at a time. */
export const POLL_GROUP = 'poll-crm';

/** Message group ids that SQS allows: 1 to 128 letters, digits and punctuation characters of ASCII. */
const GROUP_ID = /^[!-~]{1,128}$/;

/** The FIFO message group of a user: the user id, or its hash if SQS does not allow the id. */
export function messageGroupOf(userId: string): string {
  return GROUP_ID.test(userId) ? userId : createHash('sha256').update(userId).digest('hex');
}
