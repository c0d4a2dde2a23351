import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { contactStateSchema } from '../events/contact-state.ts';
import { itemStateSchema } from '../events/item-state.ts';
import { runSchema } from '../events/watermark.ts';
import { progressSchema } from '../queue/progress.ts';
import { ledgerSchema } from '../quota/ledger.ts';
import { slotStateSchema } from '../quota/rate-lease.ts';
import { filledText, positiveInt, utcMoment } from '../zod-types.ts';

/*
 * Every kind of item in the sync table: its key, its attributes, who writes and who reads it. No other file builds a key of the table.
 * docs/sync-table.md shows this file as a table (`npm run docs`).
 *
 * No item has a TTL. Items of fixed keys are replaced, and the others are removed by their writer, or kept as long as the
 * table exists.
 */

const epochMs = z.number();
/** A value that several writers change, with the version that each write is conditional on (`versioned-item.ts`). */
const versioned = <Schema extends z.ZodMiniType>(value: Schema) => z.object({ version: z.int(), value });

const idsByName = z.record(z.string(), positiveInt);
const arrayMode = z.enum(['merge', 'replace']);

/** Ids of the account's tags, custom fields and the like that the mapping requires, by lower-case name. */
const catalogSchema = z.object({
  tags: idsByName,
  customFields: idsByName,
  leadSources: z.optional(idsByName),
  /** By email. */
  staff: z.optional(idsByName),
  /** Keys of fields, and names of contact types, that the account does not accept as the mapping writes them. */
  unusable: z._default(z.array(z.string()), []),
  /** Messages about them. */
  problems: z._default(z.array(z.string()), []),
  /** Hash of the mapping's requirements. For other requirements, the catalog is read again. */
  requirementsHash: z.optional(z.string()),
  /** When the catalog was read from the CRM, in ISO 8601. */
  refreshedAt: utcMoment,
  /** Names of the provinces by code, for each country that users have, and when they were read (ISO 8601). */
  provinces: z.optional(
    z.record(z.string(), z.object({ readAt: utcMoment, names: z.record(z.string(), z.string()) })),
  ),
  /**
   * The account's array modes: whether a create-or-update (`put`) and an update by id (`patch`) of a contact keep the array items that they
   * do not list (`merge`) or remove them (`replace`), and when that was detected (ISO 8601). Without modes, detection failed and is
   * repeated at `retryAt`.
   */
  arrays: z.optional(
    z.object({
      modes: z.optional(z.object({ put: arrayMode, patch: arrayMode })),
      learnedAt: utcMoment,
      retryAt: z.optional(utcMoment),
    }),
  ),
});

/** Something that the mapping requires, as the account has it. Without an id it is missing; with a problem it cannot be used. */
const foundSchema = z.object({
  name: z.string(),
  id: z.optional(positiveInt),
  problem: z.optional(z.string()),
});

/** The account's fields, tags and the like that a mapping requires. */
const accountSchema = z.object({
  tags: z.array(
    z.extend(foundSchema, {
      description: z.string(),
      category: z.optional(z.string()),
      /** Contacts with the tag, if they were counted. */
      contacts: z.optional(z.int()),
    }),
  ),
  customFields: z.array(z.extend(foundSchema, { type: z.string(), options: z.array(z.string()) })),
  leadSources: z.array(foundSchema),
  contactTypes: z.array(z.omit(foundSchema, { id: true })),
  /** Ids of the account's users by lower-case email, if the mapping names any. */
  staff: z.optional(z.record(z.string(), positiveInt)),
});

const inspectionSchema = z.object({
  inspectionId: z.string(),
  /** ISO 8601. */
  inspectedAt: utcMoment,
  /** Whether the contacts of some tags are still to be counted. */
  isPartial: z.boolean(),
  account: accountSchema,
});

const claimSchema = z.object({
  userId: z.string(),
  /** Epoch milliseconds. */
  claimedAt: z.optional(epochMs),
  /** Until when the contact of a deleted user is being retired, in epoch milliseconds. */
  retiringUntil: z.optional(epochMs),
  /** The contact belonged to another user before, or was retired, so the sync has written its managed fields. */
  inherited: z.optional(z.boolean()),
});

const claimIndexSchema = z.object({
  /** Id of the last user whose claims are recorded, or null before the first. */
  cursor: z.nullable(z.string()),
  complete: z.boolean(),
});

const retirementSchema = z.object({
  contactIds: z.array(positiveInt),
  /** When a contact was created whose id is not known, in ISO 8601. */
  attemptedAt: z.optional(utcMoment),
  /** Since when the CRM does not know one of them, in ISO 8601. */
  missingSince: z.optional(z.record(z.string(), utcMoment)),
  /** The CRM fails for one of them, see `crm.serverErrors` of a user. */
  serverErrors: z.optional(z.object({ count: z.int(), at: utcMoment })),
  /** When the user was deleted, in ISO 8601. */
  deletedAt: utcMoment,
  /** The app had withdrawn the consent, and the CRM does not know it yet. */
  withdrawn: z.optional(z.boolean()),
});

const leaseSchema = z.object({
  environment: z.string(),
  invocation: z.int(),
  /** Epoch milliseconds. */
  until: epochMs,
});

/** The outcomes of a retirement, each stronger than those before it. */
export const ERASURE_OUTCOMES = [
  'not-deleted',
  'no-contact',
  'not-proven',
  'kept',
  'leave',
  'untag',
  'mark',
  'anonymise',
  'delete',
] as const;
const outcome = z.enum(ERASURE_OUTCOMES);

const erasureRecordSchema = z.object({
  userId: z.string(),
  /** The user's contact; undefined if none was known. */
  contactId: z.optional(positiveInt),
  /**
   * What was done with the contact, or why nothing was done: another user has it by now (`kept`), none is known (`no-contact`), nothing
   * shows that the requested contact is the user's (`not-proven`), or the user is still in the user table, so the next change would create
   * it again (`not-deleted`).
   */
  done: outcome,
  /** ISO 8601. */
  doneAt: utcMoment,
  /** Names of personal properties that the CRM did not show when the contact was anonymised: nobody can tell whether they had a value. */
  unread: z.optional(z.array(z.string())),
  /** Contacts of earlier accounts of the user that may be in the CRM still. */
  earlierContactIds: z.optional(z.array(positiveInt)),
  /** The last erasure request, and when it was answered (ISO 8601); undefined if the app deleted the user. */
  requestId: z.optional(z.string()),
  answeredAt: z.optional(utcMoment),
  /** The answer to that request, if an earlier one had done more. */
  answer: z.optional(outcome),
});

/** By field of the mapping. Without values and users. */
const refusalsSchema = z.record(
  z.string(),
  z.object({
    /** Refused values. A user counts again when a new value is refused. */
    count: z.int(),
    /** When the first and the last of them were refused, in ISO 8601. */
    since: utcMoment,
    lastAt: utcMoment,
  }),
);

const postponementSchema = z.object({
  /** Without personal data: it is logged and reported. */
  reason: z.string(),
  /** When the group last failed, in ISO 8601. */
  at: utcMoment,
});

const runLockSchema = z.object({
  runId: filledText,
  executionArn: filledText,
  /** Until when the run uses its share of the request rate, in epoch milliseconds. A run that was stopped uses none after that. */
  busyUntil: epochMs,
});

const acceptanceRunSchema = z.object({
  runId: filledText,
  domain: filledText,
  users: positiveInt,
  startedAt: utcMoment,
  /** Until when its process is certainly alive, in epoch milliseconds. The process renews it. */
  aliveUntil: epochMs,
  /** Contacts of its users, as the user table or the sync's records named them. Only these may be deleted. */
  contacts: z.array(z.object({ userId: filledText, contactId: positiveInt })),
  /** Its users are deleted, and the sync has retired all of their contacts. */
  retired: z.boolean(),
});

const pollSchema = z.object({
  /** Everything up to this time was read, in epoch milliseconds. */
  watermark: epochMs,
  /** The scheduled time of the last poll that is complete, in ISO 8601. */
  completedAt: z.optional(utcMoment),
  /** The scheduled time of a poll in which the CRM did not list a resource, in ISO 8601, until one is complete. */
  failedAt: z.optional(utcMoment),
  /** The scheduled time of the first such poll. */
  failingSince: z.optional(utcMoment),
  /** A poll that has begun. */
  run: z.optional(runSchema),
  /** When events about a resource began, in epoch milliseconds. */
  baselineAt: z.optional(epochMs),
  /** Listings of a resource that are complete. */
  listings: z.optional(z.int()),
});

const contactListingSchema = z.object({
  /** The scheduled time of the last listing that is complete, in ISO 8601. */
  completedAt: z.optional(utcMoment),
  /** When the first listing began, in ISO 8601: changes make events from then on. Undefined until the first listing is complete. */
  baselineAt: z.optional(utcMoment),
  /** A listing that has begun: the id of the last contact that was read. */
  run: z.optional(z.object({ scheduledAt: utcMoment, startedAt: utcMoment, afterId: z.int() })),
});

/** A listing is stored beside the one before it, so that the two can be compared. */
const generation = z.enum(['a', 'b']);
const optOutListingSchema = z.object({
  completedAt: z.optional(utcMoment),
  /** The last listing that is complete, and its pages. */
  generation,
  pages: z.int(),
  /** A listing that has begun. */
  run: z.optional(
    z.object({
      scheduledAt: utcMoment,
      generation,
      pages: z.int(),
      token: z.optional(z.string()),
      /** The CRM refused a token, and the listing began again. */
      restarted: z.optional(z.boolean()),
      /** Set when all pages were read: the pages of the last listing whose addresses were looked for in this one. */
      compared: z.optional(z.int()),
    }),
  ),
});

const optOutPageSchema = z.object({
  /** Status of each address and the contact of its user (0 if it belongs to no user), by a hash of the address. */
  addresses: z.record(z.string(), z.tuple([z.string(), z.int()])),
});

const eventLogSchema = z.object({
  /** Events so far, by kind. */
  counts: z.record(z.string(), z.int()),
  /** The last ones, newest first, without values. */
  recent: z.array(
    z.object({
      id: z.string(),
      type: z.string(),
      time: z.string(),
      subject: z.optional(z.string()),
      contactId: z.optional(z.int()),
      itemId: z.optional(z.int()),
    }),
  ),
});

/** A hash instead of the text, so that the sync table holds no personal data. Case does not matter. */
const hashed = (text: string): string => createHash('sha256').update(text.toLowerCase()).digest('base64url');

interface ItemKind {
  /** The key as docs/sync-table.md shows it. */
  pattern: string;
  /** Value of the partition key, `id`. */
  key: (...names: never[]) => string;
  /** The other attributes. Conditional writes add one, `attemptId`. */
  schema: z.ZodMiniObject;
  /** For docs/sync-table.md; in code font: commands of `user-sync`. */
  contains: string;
  writers: string;
  readers: string;
  removed: string;
}

/** The kinds of items in the sync table. */
export const SYNC_TABLE_ITEMS = {
  catalog: {
    pattern: 'catalog',
    key: () => 'catalog',
    schema: catalogSchema,
    contains: 'ids of the tags and fields that the mapping names, and which of them cannot be used',
    writers: 'sync-contact',
    readers: 'sync-contact, backfill, check-health, `acceptance`, `catalog`, `preview`, `status`',
    removed: 'never; replaced when the mapping or the account changes',
  },
  inspection: {
    pattern: 'inspection',
    key: () => 'inspection',
    schema: inspectionSchema,
    contains: 'the last report on the account, which `catalog` and `deploy` ask for',
    writers: 'sync-contact',
    readers: 'sync-contact, `catalog`, `deploy`, `doctor`',
    removed: 'never; replaced by the next report',
  },
  ledger: {
    pattern: 'quota',
    key: () => 'quota',
    schema: versioned(ledgerSchema),
    contains: 'requests of the running minute, day and month, and the pause, if there is one',
    writers: 'sync-contact, `acceptance`, `crm`, `preview`, `quota`',
    readers:
      'sync-contact, backfill, check-health, `acceptance`, `catalog`, `crm`, `deploy`, `doctor`, `preview`, `quota`, `status`',
    removed: 'never',
  },
  slots: {
    pattern: 'slots',
    key: () => 'slots',
    schema: versioned(slotStateSchema),
    contains: 'the last request slots of all environments, and the rates that commands have leased',
    writers: 'sync-contact, `acceptance`, `crm`, `preview`',
    readers: 'sync-contact, `acceptance`, `crm`, `preview`',
    removed: 'never; a slot is dropped when it can no longer delay another, and a lease when it ends',
  },
  /**
   * The consumer's progress and the `postponed` items both name message groups that fail, for different readers. Progress is one item of at
   * most 25 groups, from their first failure on: enough for check-health to tell an outage from a stuck user with one read every five
   * minutes. A backfill asks about any of its hundreds of users in flight, and needs the reason, so each of those groups has an item.
   */
  progress: {
    pattern: 'progress',
    key: () => 'progress',
    schema: versioned(progressSchema),
    contains: 'when the CRM last accepted something, and up to 25 message groups that wait',
    writers: 'sync-contact',
    readers: 'sync-contact, check-health, `status`',
    removed: 'never',
  },
  refusals: {
    pattern: 'refusals',
    key: () => 'refusals',
    schema: versioned(refusalsSchema),
    contains: 'how many values of each field the CRM has refused, and when',
    writers: 'sync-contact',
    readers: 'sync-contact, `catalog`',
    removed: 'never; a field without a refusal for a month is dropped',
  },
  postponed: {
    pattern: 'postponed#<message group>',
    key: (group: string) => `postponed#${group}`,
    schema: postponementSchema,
    contains: 'why a message group failed several times in a row',
    writers: 'sync-contact',
    readers: 'backfill, `events`',
    removed:
      'when the group succeeds or becomes a dead letter. It stays if the queue drops the messages after 14 days; readers ignore an old one',
  },
  lease: {
    pattern: 'lease#<name>',
    key: (name: string) => `lease#${name}`,
    schema: leaseSchema,
    contains:
      'the one invocation that may create tags and fields (`lease#catalog`), create a company, or record the claims of all users (`lease#claims`)',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed:
      'by the invocation; one that is left behind ends with the invocation, one of a company a minute later',
  },
  emailClaim: {
    pattern: 'email#<hash of the email>',
    key: (email: string) => `email#${hashed(email)}`,
    schema: claimSchema,
    contains: 'the user who has an email',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never; valid only while the user table confirms it, so another user can take it over',
  },
  contactClaim: {
    pattern: 'contact#<contact id>',
    key: (contactId: number) => `contact#${contactId}`,
    schema: claimSchema,
    contains: 'the user who has a contact',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never; valid only while the user table confirms it, so another user can take it over',
  },
  claimIndex: {
    pattern: 'claims',
    key: () => 'claims',
    schema: claimIndexSchema,
    contains: 'how far the claims of all users in the user table are recorded',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never',
  },
  retirement: {
    pattern: 'retirement#<user id>',
    key: (userId: string) => `retirement#${userId}`,
    schema: retirementSchema,
    contains: 'the contacts of a deleted user that are not retired yet',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'when they are retired',
  },
  company: {
    pattern: 'company#<hash of the name>',
    key: (name: string) => `company#${hashed(name.trim())}`,
    schema: z.object({ crmId: positiveInt }),
    contains: 'id of a company in the CRM',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never',
  },
  arrayProbe: {
    pattern: 'array-probe',
    key: () => 'array-probe',
    schema: z.object({
      /** The random email of the probe contact. */
      email: z.string(),
      /** Since when it may be in the account, in ISO 8601. Undefined: it is not. */
      startedAt: z.optional(utcMoment),
    }),
    contains: 'the random email of the probe contact that is in the account for a few requests a week',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'if others have changed the probe contact; the next detection stores a new one',
  },
  erasureRecord: {
    pattern: 'erasure#<user id>',
    key: (userId: string) => `erasure#${userId}`,
    schema: erasureRecordSchema,
    contains: 'what was done with the contact of a deleted user: ids and times, no other personal data',
    writers: 'sync-contact',
    readers: 'sync-contact, `acceptance`, `forget`',
    removed: 'never: it is the proof of the erasure',
  },
  poll: {
    pattern: 'poll#<resource>',
    key: (resource: string) => `poll#${resource}`,
    schema: pollSchema,
    contains:
      'how far changes in the CRM were read: `contacts`, `tags`, each resource that is polled (`orders`, and `orders-listing` for its whole list), and the same for replays (`replay-contacts`)',
    writers: 'sync-contact',
    readers: 'sync-contact, check-health, `events`, `status`',
    removed: 'never',
  },
  contactListing: {
    pattern: 'contact-listing',
    key: () => 'contact-listing',
    schema: contactListingSchema,
    contains: 'how far the full listing of all contacts is read',
    writers: 'sync-contact',
    readers: 'sync-contact, check-health, `events`, `status`',
    removed: 'never',
  },
  contactIndex: {
    pattern: 'contact-states',
    key: () => 'contact-states',
    schema: z.object({ ranges: z.array(z.tuple([z.int(), z.int()])) }),
    contains: 'which items with states of contacts exist: ranges of their numbers',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never',
  },
  contactStates: {
    pattern: 'contact-states#<number>',
    key: (bucket: number) => `contact-states#${bucket}`,
    schema: z.object({ contacts: z.record(z.string(), contactStateSchema) }),
    contains:
      'the last known state of up to 64 contacts of the account: hashes of values, ids of tags, statuses',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never',
  },
  itemIndex: {
    pattern: 'item-index#<resource>',
    key: (resource: string) => `item-index#${resource}`,
    schema: z.object({ ranges: z.array(z.tuple([z.int(), z.int()])) }),
    contains: 'which items with states of a resource exist: ranges of their numbers',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never',
  },
  itemStates: {
    pattern: 'item-states#<resource>#<number>',
    key: (resource: string, bucket: number) => `item-states#${resource}#${bucket}`,
    schema: z.object({ items: z.record(z.string(), itemStateSchema) }),
    contains: 'the last known state of up to 64 items of a resource, such as orders: hashes of values',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never',
  },
  ownCompany: {
    pattern: 'own-company#<hash of the name>',
    key: (name: string) => `own-company#${hashed(name.trim())}`,
    /** When the sync was about to create it, in epoch milliseconds. */
    schema: z.object({ at: epochMs }),
    contains: 'a company that the sync was about to create: it makes no event',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never',
  },
  optOutListing: {
    pattern: 'opt-out-listing',
    key: () => 'opt-out-listing',
    schema: optOutListingSchema,
    contains: 'how far the listing of addresses without marketing is read',
    writers: 'sync-contact',
    readers: 'sync-contact, `events`',
    removed: 'never',
  },
  optOutPage: {
    pattern: 'opt-outs#<generation>#<page>',
    key: (of: string, page: number) => `opt-outs#${of}#${page}`,
    schema: optOutPageSchema,
    contains: 'a page of that listing, or of the one before: hashes of addresses, statuses, contact ids',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never; replaced by the listing after the next',
  },
  eventLog: {
    pattern: 'events',
    key: () => 'events',
    schema: eventLogSchema,
    contains: 'how many events were published, and the last ones',
    writers: 'sync-contact',
    readers: 'sync-contact, `events`',
    removed: 'never',
  },
  runLock: {
    pattern: 'backfill#<mode>',
    key: (mode: string) => `backfill#${mode}`,
    schema: runLockSchema,
    contains: 'the one backfill that runs in a mode',
    writers: 'backfill',
    readers: 'backfill',
    removed: 'when the run ends; the next run takes over the lock of one that was stopped',
  },
  acceptanceRun: {
    pattern: 'acceptance',
    key: () => 'acceptance',
    schema: versioned(acceptanceRunSchema),
    contains: 'what an acceptance run has created, so that the next start can remove it',
    writers: '`acceptance`',
    readers: '`acceptance`',
    removed: 'when nothing of the run is left',
  },
} as const satisfies Record<string, ItemKind>;
