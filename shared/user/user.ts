import * as z from 'zod/mini';
import { filledText, positiveInt, utcMoment } from '../zod-types.ts';

const SUBSCRIPTION_STATUSES = ['trial', 'active', 'cancelled', 'expired'] as const;

const instant = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

/** The sync's state of a user. The application never writes it, but may remove it to force a full sync (docs/architecture.md). */
const crmStateSchema = z.object({
  /** Id of the user's contact in the CRM. */
  contactId: z.optional(positiveInt),
  /** Ids of the tags that the sync applied to the contact. */
  tagIds: z.optional(z.array(positiveInt)),
  /** Ids of tags that the contact may or may not have: the result of a request is unknown. */
  uncertainTagIds: z.optional(z.array(positiveInt)),
  /** Nothing else in the map is certain: all fields and tags of the contact are written again. */
  untrusted: z.optional(z.boolean()),
  /** Contacts that the user had before `contactId`. They lose the managed tags and custom fields once that contact is right. */
  formerContactIds: z.optional(z.array(positiveInt)),
  /** A request that creates the contact, whose outcome is not known: when it was made (ISO 8601), and a hash of its email, if known. */
  attempt: z.optional(z.object({ at: utcMoment, email: z.optional(z.string()) })),
  /** Emails that the contacts of the user may have, the newest last: a contact that was merged into another is found by one of them. */
  emails: z.optional(z.array(z.string())),
  /** Since when the CRM has not known contacts of the user (404), in ISO 8601 by contact id. */
  missingSince: z.optional(z.record(z.string(), utcMoment)),
  /** The contact was created although another user's contact showed the email, as after a merge. This happens once. */
  separated: z.optional(z.boolean()),
  /** Another user has the email or the contact. Since `since` (ISO 8601), the user has been waiting for that user's next change. */
  conflict: z.optional(
    z.object({
      otherUserId: z.string(),
      /** A hash of both users, to notice a change. */
      states: z.string(),
      since: utcMoment,
    }),
  ),
  /**
   * What the sync last did about the consent to marketing (`sync/consent.ts`): the step, a hash of the address, and since when the request
   * is pending (ISO 8601). `isOwn`: an opt-out of the address is the sync's own.
   */
  consent: z.optional(
    z.object({
      step: z.enum(['given', 'giving', 'due', 'withdrawing', 'withdrawn']),
      address: z.string(),
      at: z.optional(utcMoment),
      isOwn: z.optional(z.boolean()),
    }),
  ),
  /**
   * The CRM fails for this user's contact alone (`contacts/contact-faults.ts`): deliveries that count, and when the last one was (ISO
   * 8601).
   */
  serverErrors: z.optional(z.object({ count: z.int(), at: utcMoment })),
  /** A hash of each field's value as it was last written. */
  fingerprint: z.optional(z.record(z.string(), z.string())),
  /** Values that the CRM has refused: their hashes by field. They are not sent again until they change (`sync/refused-fields.ts`). */
  refusedFields: z.optional(z.record(z.string(), z.string())),
  /**
   * Status of the contact's first email address in the CRM, as version 2 of the API names it, for example `LIST_UNSUBSCRIBE`. Only if the
   * mapping declares it (`inbound`).
   */
  emailStatus: z.optional(z.string()),
  /** When the user was last synced, in ISO 8601. */
  syncedAt: z.optional(utcMoment),
  /** Why the user was rejected. Removed when a sync succeeds. */
  rejection: z.optional(
    z.object({
      reason: z.string(),
      errorId: z.string(),
      at: utcMoment,
      /** The other user who has the email or the contact. */
      otherUserId: z.optional(z.string()),
      /** What the CRM said, without personal data. */
      detail: z.optional(z.string()),
    }),
  ),
  /** The invocation that works on the user, and when its lease expires (ISO 8601). Other invocations wait until then. */
  lease: z.optional(z.object({ environment: z.string(), invocation: z.number(), until: utcMoment })),
  /** Number of write-backs: each is conditional on the last one. */
  revision: z.optional(z.number()),
  /**
   * Random id of the last write-back. If a user is deleted and created again, it tells the two items apart: their revisions can be equal.
   */
  attemptId: z.optional(z.string()),
});

/**
 * A user's item as the application stores it. To use another attribute in the mapping, declare it here. Only `userId` (the Cognito sub) is
 * required. Unknown attributes are ignored; null and empty texts count as missing (`readUser`).
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

/** A user of the app, with the attributes that the sync uses. */
export type User = z.infer<typeof userSchema>;

/** The `crm` map on the user's item. */
export type CrmState = z.infer<typeof crmStateSchema>;
