import * as z from 'zod/mini';
import { filledText, positiveInt, utcMoment } from '../zod-types.ts';

const SUBSCRIPTION_STATUSES = ['trial', 'active', 'cancelled', 'expired'] as const;

const instant = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

/** What the sync keeps on a user: the application never writes it, apart from removing it to ask for a fresh sync. */
const crmStateSchema = z.object({
  /** Id of the user's contact in the CRM. */
  contactId: z.optional(positiveInt),
  /** Ids of the tags that the sync applied to the contact. */
  tagIds: z.optional(z.array(positiveInt)),
  /** Ids of tags of which it is not certain whether the contact holds them: a request for them may have had its effect. */
  uncertainTagIds: z.optional(z.array(positiveInt)),
  /** A hash of the value last written, for each contact field. */
  fingerprint: z.optional(z.record(z.string(), z.string())),
  /** When the contact was last made to match, in ISO 8601. */
  syncedAt: z.optional(utcMoment),
  /** Why the CRM refused this user for good, until a sync succeeds. */
  rejection: z.optional(
    z.object({
      reason: z.string(),
      errorId: z.string(),
      at: utcMoment,
      /** The user who has what this one would need. */
      otherUserId: z.optional(z.string()),
    }),
  ),
  /**
   * Which invocation of which environment works on the user, and until when at most (ISO 8601): others wait so long, since two at once
   * would not know of each other.
   */
  lease: z.optional(z.object({ environment: z.string(), invocation: z.number(), until: utcMoment })),
  /** Counts the write-backs, so that no two undo each other. */
  revision: z.optional(z.number()),
});

/**
 * The item of a user as the application stores it. Only `userId` (the Cognito sub) has to be there; other attributes of
 * the item are ignored, and null and empty texts are no values (`readUser`).
 */
export const userSchema = z.object({
  userId: filledText,
  email: z.optional(z.string()),
  firstName: z.optional(z.string()),
  lastName: z.optional(z.string()),
  phone: z.optional(z.string()),
  appDownloadDate: z.optional(instant),
  timeZone: z.optional(z.string()),
  locale: z.optional(z.string()),
  marketingOptIn: z.optional(z.boolean()),
  subscription: z.optional(z.object({ status: z.optional(z.enum(SUBSCRIPTION_STATUSES)) })),
  progress: z.optional(
    z.object({
      program: z.optional(z.string()),
      week: z.optional(z.int().check(z.minimum(1), z.maximum(12))),
      workoutsCompleted: z.optional(z.int().check(z.nonnegative())),
      completedAt: z.optional(instant),
    }),
  ),
  lastActiveAt: z.optional(instant),
  crm: z.optional(crmStateSchema),
});

/** A user of the app, with only the attributes that the sync knows. */
export type User = z.infer<typeof userSchema>;

/** The sync's own map on the user's item. */
export type CrmState = z.infer<typeof crmStateSchema>;
