import * as z from 'zod';

const SUBSCRIPTION_STATUSES = ['trial', 'active', 'cancelled', 'expired'] as const;

/** An attribute that may be missing, null or an empty string: all three mean that there is no value. */
const maybe = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional());

const instant = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

/** What the sync keeps on a user: the application never writes it, apart from removing it to ask for a fresh sync. */
const crmStateSchema = z.object({
  /** Id of the user's contact in the CRM. */
  contactId: maybe(z.int().positive()),
  /** Ids of the tags that the sync applied to the contact. */
  tagIds: maybe(z.array(z.int().positive())),
  /** Ids of tags of which it is not certain whether the contact holds them: a request for them may have had its effect. */
  perhapsTagIds: maybe(z.array(z.int().positive())),
  /** A hash of the value last written, for each contact field. */
  fingerprint: maybe(z.record(z.string(), z.string())),
  /** When the contact was last made to match, in ISO 8601. */
  syncedAt: maybe(z.iso.datetime()),
  /** Why the CRM refused this user for good, until a sync succeeds. */
  rejection: maybe(
    z.object({
      reason: z.string(),
      errorId: z.string(),
      at: z.iso.datetime(),
      /** The user who has what this one would need. */
      otherUserId: maybe(z.string()),
    }),
  ),
  /** Until when somebody works on the user at most, in ISO 8601: others wait so long, since two at once would not know of each other. */
  leaseUntil: maybe(z.iso.datetime()),
  /** Counts the write-backs, so that no two undo each other. */
  revision: maybe(z.number()),
});

/**
 * The item of a user as the application stores it. Only `userId` (the Cognito sub) has to be there; other attributes of
 * the item are ignored.
 */
export const userSchema = z.object({
  userId: z.string().min(1),
  email: maybe(z.string()),
  firstName: maybe(z.string()),
  lastName: maybe(z.string()),
  phone: maybe(z.string()),
  appDownloadDate: maybe(instant),
  timeZone: maybe(z.string()),
  locale: maybe(z.string()),
  marketingOptIn: maybe(z.boolean()),
  subscription: maybe(z.object({ status: maybe(z.enum(SUBSCRIPTION_STATUSES)) })),
  progress: maybe(
    z.object({
      program: maybe(z.string()),
      week: maybe(z.int().min(1).max(12)),
      workoutsCompleted: maybe(z.int().nonnegative()),
      completedAt: maybe(instant),
    }),
  ),
  lastActiveAt: maybe(instant),
  crm: maybe(crmStateSchema),
});

/** A user of the app, with only the attributes that the sync knows. */
export type User = z.infer<typeof userSchema>;

/** The sync's own map on the user's item. */
export type CrmState = z.infer<typeof crmStateSchema>;
