import { existsSync } from 'node:fs';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as z from 'zod';
import { isListed, POLLED_NAMES } from '../shared/events/event-types.ts';
import { NOT_POLLED } from '../shared/polls/not-polled.ts';
import { type Limits, limitsSchema, PRESETS, rateOf } from '../shared/quota/limits.ts';
import { MAX_RATE } from '../shared/quota/pace.ts';
import { INVOCATION_MS, WRITE_BACK_MS } from '../shared/quota/retry-policy.ts';
import { crmUrl, safeUrl } from './urls.ts';

const text = (pattern: RegExp, message: string) =>
  z.string(message).regex(pattern, { error: message, abort: true });

/** An expression of EventBridge Scheduler, whose cron has six fields (EventBridge Scheduler user guide, "Schedule types"). */
const schedule = (byDefault: string) =>
  text(
    /^(off|cron\((\S+ ){5}\S+\)|rate\([1-9]\d* (minute|hour|day)s?\))$/,
    `must be cron(…) with six fields, rate(…) or off, for example ${byDefault}`,
  ).default(byDefault);

const tableArn = text(
  /^arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{12}:table\/[\w.-]+$/,
  'must be the ARN of a DynamoDB table (arn:aws:dynamodb:…:table/name)',
);
const streamArn = text(
  /^arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{12}:table\/[\w.-]+\/stream\/.+$/,
  'must be the ARN of a DynamoDB stream (arn:aws:dynamodb:…:table/name/stream/…)',
);
const secretArn = text(
  /^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+-[A-Za-z0-9]{6}$/,
  'must be the complete ARN of a secret, with the six characters at its end (arn:aws:secretsmanager:…:secret:name-AbCdEf)',
);
const eventBus = text(
  /^(create|arn:[a-z-]+:events:[a-z0-9-]+:\d{12}:event-bus\/[\w./-]+)$/,
  'must be "create", or the ARN of an event bus (arn:aws:events:…:event-bus/name)',
);
const queueArn = text(
  /^arn:[a-z-]+:sqs:[a-z0-9-]+:\d{12}:[\w-]+$/,
  'must be the ARN of a standard queue (arn:aws:sqs:…:name), not of a FIFO queue',
);
const callbackUrl = safeUrl('must be a URL').refine((url) => {
  const { username, password } = new URL(url);
  return username === '' && password === '';
}, 'must have no user name and password: events are signed, and the callback checks the signature');

const encryptionKey = text(
  /^(aws|create|arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+)$/,
  'must be "aws", "create", or the ARN of a KMS key (arn:aws:kms:…:key/…), not of an alias',
);

const isTimeZone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const PRESET_NAMES = Object.keys(PRESETS) as (keyof typeof PRESETS)[];
const RETENTION = Object.values(RetentionDays).filter((days) => typeof days === 'number');

/** An object of settings, without any others. */
const group = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `is not a setting; use one of ${Object.keys(shape).join(', ')}`
        : undefined,
  });

/** A resource that can be polled. */
const polledName = z.enum(POLLED_NAMES, {
  error: ({ input }) => {
    const reason = typeof input === 'string' ? NOT_POLLED[input] : undefined;
    return `cannot be polled${reason === undefined ? '' : ` (${reason})`}; use some of ${POLLED_NAMES.join(', ')}`;
  },
});

const eventSettings = group({
  /** Bus of the events: `create`, or the ARN of an existing one in the same account and region. */
  bus: eventBus.default('create'),
  /** Standard queue that gets all events. Its policy must allow `events.amazonaws.com` to send messages. */
  queueArn: queueArn.optional(),
  /** HTTPS address that gets all events, signed by Standard Webhooks. */
  callback: group({
    url: callbackUrl,
    /**
     * ARN of an existing secret with the signing secret in base64. Without it, the stack creates one. If it is encrypted with another key than
     * `encryptionKey`, that key's policy must allow the role of send-callback to use it.
     */
    existingSecretArn: secretArn.optional(),
  }).optional(),
  /** Resources whose changes make events, besides contacts and tags. docs/event-resources.md says how changes of each are found. */
  resources: z
    .array(polledName)
    .refine((names) => new Set(names).size === names.length, 'must name each resource once')
    .default([]),
  /** Start of the first poll, in ISO 8601: what was created since then makes events. By default, the time when the poll runs. */
  startAt: z
    .union([z.iso.date(), z.iso.datetime({ offset: true })], {
      error: 'must be a date or a time with its zone, for example 2027-01-01 or 2027-01-01T00:00:00Z',
    })
    .optional(),
  /** Minutes between two polls by date. When little has changed, a poll costs 2 requests, and one for each resource with a date. */
  intervalMinutes: z.int().min(5).max(1440).default(15),
  /** Minutes between two listings of the addresses that get no marketing. A listing costs a request for each thousand. */
  optOutMinutes: z.int().min(15).max(1440).default(60),
  /**
   * When all contacts and all items of the resources are listed, which shows removed tags, deletions and merges. A listing costs a request
   * for each thousand. An EventBridge Scheduler expression, or `off`.
   */
  listing: schedule('cron(0 1 * * ? *)'),
  /** Time zone of `listing`. */
  timeZone: z
    .string()
    .refine(isTimeZone, 'must be a time zone of the IANA database, for example Europe/Berlin')
    .default('UTC'),
}).superRefine(({ resources, listing }, context) => {
  for (const [index, name] of resources.entries())
    if (listing === 'off' && isListed(name))
      context.addIssue({
        code: 'custom',
        path: ['resources', index],
        message: `changes of ${name} are found by listing all items, so "listing" must not be off`,
      });
});
export type EventSettings = z.output<typeof eventSettings>;

/** The settings of a stack, in cdk.json under `context.userSync`. All have defaults. */
export const configSchema = group({
  /** Name of the CloudFormation stack. With `-backfill`, it is the name of the state machine, which has at most 80 characters. */
  stackName: text(
    /^[A-Za-z][A-Za-z0-9-]{0,70}$/,
    'must begin with a letter and have at most 71 letters, digits and hyphens',
  ).default('user-sync'),
  /** File of the mapping from users to contacts. Accounts with different fields or tags have a file each. */
  mapping: text(
    /^shared\/user\/[\w.-]+\.ts$/,
    'must be a file in shared/user, for example shared/user/mapping.ts',
  )
    .refine(
      (file) => existsSync(new URL(`../${file}`, import.meta.url)),
      'must exist: create the file or correct its name',
    )
    .default('shared/user/mapping.ts'),
  crm: group({
    /** Origin of the CRM's API. */
    url: crmUrl.default('https://api.infusionsoft.com'),
    /**
     * Request limits of the contract, or the part of them that this system may use: a row of the vendor's table (`team`, `oauth`,
     * `service-account-key`), or your own numbers. They determine the pace and the concurrency, and must not allow more requests per
     * second than can be paced: see `shared/quota/pace.ts`.
     */
    limits: z
      .union([z.enum(PRESET_NAMES), limitsSchema], {
        error: `must be ${PRESET_NAMES.join(', ')}, or an object such as {"second": 25 (2 or more), "minute": 1500 (120 or more), "day": 125000, "month": 3750000 or null}`,
      })
      .transform((limits): Limits => (typeof limits === 'string' ? PRESETS[limits] : limits))
      .refine((limits) => rateOf(limits) <= MAX_RATE, {
        error: `must not allow more than ${MAX_RATE} requests per second, the most that one DynamoDB item can pace: lower "second", or "minute" to ${MAX_RATE * 60} or less`,
      })
      .prefault('team'),
    /** 95th percentile of the CRM's response time in milliseconds. It also determines the concurrency. */
    latencyP95Ms: z
      .number()
      .positive()
      .max(INVOCATION_MS - WRITE_BACK_MS)
      .default(400),
    /**
     * Milliseconds by which the pace's window is longer than a second, because requests start late and the network changes the time
     * between them. With less than 20, most slots would be missed: timers and DynamoDB take some milliseconds.
     */
    windowSlackMs: z.number().int().min(20).max(1000).default(45),
    /**
     * Requests in a burst, a few milliseconds apart, when more requests are waiting than the limit allows. Half of the limit per second
     * by default. Lower it if the gateway rejects bursts, see `docs/performance.md`.
     */
    burst: z.int().min(1).max(1000).optional(),
    /** Most contacts that one request can tag (the vendor's PHP SDK enforces 100). A rejected request is retried in halves. */
    tagBatch: z.int().min(1).max(1000).default(100),
    /**
     * Name of the secret that the stack creates for the CRM's credentials; AWS chooses one by default. Destroying the stack retains the
     * secret, and a second secret with its name cannot be created: set `existingSecretArn` then.
     */
    secretName: text(
      /^[A-Za-z0-9/_+=.@-]{1,512}$/,
      'must have at most 512 letters, digits and characters of /_+=.@-',
    ).optional(),
    /**
     * ARN of an existing secret to use instead of a new one. If it is encrypted with another key than `encryptionKey`, that key's policy
     * must allow the roles of sync-contact and rotate-token to use it.
     */
    existingSecretArn: secretArn.optional(),
    /**
     * Hours between two renewals of the OAuth tokens, which are valid for 24 hours. Secrets Manager rotates a secret every 4 hours at
     * most. `off` if another program renews them. Other kinds of credentials stay the same.
     */
    tokenRotationHours: z
      .union([z.int().min(4).max(20), z.literal('off')], { error: 'must be a number from 4 to 20, or "off"' })
      .default(12),
  }).prefault({}),
  /**
   * The app's existing table, with partition key `userId`, and its stream of new and old images. Without it the stack creates a table.
   * If it is encrypted with another key than `encryptionKey`, that key's policy must allow the roles of diff-user, sync-contact and the
   * backfill to use it.
   */
  userTable: group({ arn: tableArn, streamArn })
    .refine(({ arn, streamArn }) => streamArn.startsWith(`${arn}/stream/`), {
      error: 'must be the ARN of a stream of the table in userTable.arn',
      path: ['streamArn'],
    })
    .optional(),
  backfill: group({
    /** When active users are checked again, as an EventBridge Scheduler expression in UTC, or `off`. */
    refreshSchedule: schedule('cron(0 3 * * ? *)'),
    /** Share of the daily and monthly limit that backfills leave for live changes. */
    liveReserve: z.number().min(0).max(0.95).default(0.2),
  }).prefault({}),
  /** Events about changes that are made in the CRM (docs/events.md). Off by default. */
  events: eventSettings.optional(),
  /**
   * What happens to the contact of a deleted user: `mark` removes the managed tags and applies "Account Deleted", `untag` only removes
   * them, `leave` does nothing, `delete` deletes the contact, `anonymise` marks it and removes its personal data.
   */
  deletionPolicy: z.enum(['mark', 'untag', 'leave', 'delete', 'anonymise']).default('mark'),
  /** What happens to the contact of a person who asks to be forgotten (`npx --no user-sync forget`). */
  forgetPolicy: z.enum(['delete', 'anonymise']).default('delete'),
  /**
   * Lowest level of log lines to keep. Not above INFO: metrics are log lines of that level, and Lambda would drop them
   * (AWS Lambda, "Log-level filtering": a line without a level is INFO).
   */
  logLevel: z.enum(['DEBUG', 'INFO']).default('INFO'),
  /**
   * Whether X-Ray traces the functions. Off by default, because it would cost more than everything else together: Lambda traces the
   * first invocation of a function each second, which is nearly every invocation (docs/cost.md). The segments show how long an invocation
   * took, which the logs say too; `npx --no user-sync trace` follows a user through the logs.
   */
  tracing: z.boolean().default(false),
  /** Retention of logs in days: a value that CloudWatch Logs offers; 9999 keeps them forever. */
  logRetentionDays: z.literal(RETENTION).default(30),
  /**
   * Encryption of data at rest: `aws`, each service's own key; `create`, a key that the stack creates and AWS rotates each year; or the
   * ARN of an existing key in the same region. The policy of an existing key must allow CloudWatch to use it *before* the deployment: the
   * statements are in docs/security.md. Applies to queues, logs, the alarm topic, and the tables and the secret that the stack creates.
   */
  encryptionKey: encryptionKey.default('aws'),
  alarms: group({
    /** Email address to notify of alarms, which AWS asks to confirm. Without it, subscribe to the topic yourself. */
    email: z.email('must be an email address').optional(),
    /** Address of the runbook. Alarms link to its articles. */
    runbookUrl: text(
      /^\S+$/,
      'must be an address without spaces, for example https://wiki.example.com/runbook',
    ).default('docs/runbook.md'),
    /** Seconds within which 99 % of changes should be in the CRM. A backfill delays changes by less than three seconds. */
    lagSeconds: z.int().min(60).default(900),
  }).prefault({}),
  /** What `cdk destroy` does with the tables, the secret and the key that the stack created. */
  removalPolicy: z.enum(['retain', 'destroy']).default('retain'),
});

export type Config = z.output<typeof configSchema>;
/** Settings as written in cdk.json, where those with defaults are optional. */
export type ConfigInput = z.input<typeof configSchema>;

/** Settings are invalid. The message names each of them and its valid values. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Validates the settings of one stack and fills in the defaults.
 *
 * @param path of the settings in cdk.json, for the messages.
 * @throws ConfigError that names every invalid or unknown setting.
 */
export function parseConfig(settings: unknown, path: readonly string[] = ['userSync']): Config {
  const result = configSchema.safeParse(settings ?? {});
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => {
    const names = issue.code === 'unrecognized_keys' ? issue.keys : [];
    const paths = names.length > 0 ? names.map((name) => [...issue.path, name]) : [issue.path];
    return paths.map((each) => `  ${[...path, ...each].join('.')}: ${issue.message}`);
  });
  throw invalidSettings(lines);
}

/** @param lines one for each invalid setting. */
export function invalidSettings(lines: readonly string[]): ConfigError {
  return new ConfigError(['Invalid settings in cdk.json, under "context":', ...lines].join('\n'));
}
