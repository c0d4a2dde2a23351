import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { progressSchema } from '../queue/progress.ts';
import { ledgerSchema } from '../quota/ledger.ts';
import { filledText, positiveInt, utcMoment } from '../zod-types.ts';

/*
 * Every kind of item in the sync table: its key, its attributes, who writes and who reads it. No other file builds a key of the table.
 * docs/sync-table.md shows this file as a table (`npm run docs`).
 *
 * No item has a TTL. Items of fixed keys are replaced, and the others are either removed by their writer or kept as a proof.
 */

const epochMs = z.number();
/** A value that several writers change, with the version that each write is conditional on (`versioned-item.ts`). */
const versioned = <Schema extends z.ZodMiniType>(value: Schema) => z.object({ version: z.int(), value });

const idsByName = z.record(z.string(), positiveInt);

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
  /**
   * The account's array mode: whether an update of a contact keeps the array items that it does not list (`merge`) or removes them
   * (`replace`), and when that was detected (ISO 8601). Without a mode, detection failed and is repeated at `retryAt`.
   */
  arrays: z.optional(
    z.object({
      mode: z.optional(z.enum(['merge', 'replace'])),
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
  /** The contact belonged to a user who was deleted, so the sync wrote its managed fields. */
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
  missingSince: z.optional(utcMoment),
  /** When the user was deleted, in ISO 8601. */
  deletedAt: utcMoment,
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
   * What was done with the contact, or why nothing was done: another user has it by now (`kept`), none is known (`no-contact`), nothing shows
   * that the requested contact is the user's (`not-proven`), or the user is still in the user table, so the next change would create it again
   * (`not-deleted`).
   */
  done: outcome,
  /** ISO 8601. */
  doneAt: utcMoment,
  /** Contacts of earlier accounts of the user that may be in the CRM still. */
  earlierContactIds: z.optional(z.array(positiveInt)),
  /** The last erasure request, and when it was answered (ISO 8601); undefined if the app deleted the user. */
  requestId: z.optional(z.string()),
  answeredAt: z.optional(utcMoment),
  /** The answer to that request, if an earlier one had done more. */
  answer: z.optional(outcome),
});

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
    readers: 'sync-contact, `catalog`, `deploy`',
    removed: 'never; replaced by the next report',
  },
  ledger: {
    pattern: 'quota',
    key: () => 'quota',
    schema: versioned(ledgerSchema),
    contains: 'requests of the running minute, day and month, and the pause, if there is one',
    writers: 'sync-contact, `quota`, `acceptance`, `preview`',
    readers: 'sync-contact, backfill, check-health, `acceptance`, `preview`, `quota`, `status`',
    removed: 'never',
  },
  slots: {
    pattern: 'slots',
    key: () => 'slots',
    schema: versioned(z.array(epochMs)),
    contains: 'the last request slots of all environments, in epoch milliseconds, oldest first',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'never; a slot is dropped when it can no longer delay another',
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
  postponed: {
    pattern: 'postponed#<message group>',
    key: (group: string) => `postponed#${group}`,
    schema: postponementSchema,
    contains: 'why a message group failed several times in a row',
    writers: 'sync-contact',
    readers: 'backfill',
    removed:
      'when the group succeeds or becomes a dead letter. It stays if the queue drops the messages after 14 days; readers ignore an old one',
  },
  lease: {
    pattern: 'lease#<name>',
    key: (name: string) => `lease#${name}`,
    schema: leaseSchema,
    contains: 'the one invocation that may create tags and fields (`lease#catalog`) or a company',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'by the invocation; one that is left behind ends with the invocation',
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
    schema: z.object({ crmId: positiveInt }),
    contains: 'id of the probe contact that is in the account for a few requests',
    writers: 'sync-contact',
    readers: 'sync-contact',
    removed: 'with the probe contact',
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
