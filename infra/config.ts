import { existsSync } from 'node:fs';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as z from 'zod';
import { type Limits, limitsSchema, PRESETS, rateOf } from '../shared/quota/limits.ts';
import { MAX_RATE } from '../shared/quota/pace.ts';
import { INVOCATION_MS, WRITE_BACK_MS } from '../shared/quota/retry-policy.ts';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

const crmUrl = z
  .url({
    protocol: /^https?$/,
    error: 'must be a URL, for example https://api.infusionsoft.com',
    abort: true,
  })
  .refine((url) => {
    const { protocol, hostname } = new URL(url);
    return protocol === 'https:' || LOOPBACK.has(hostname);
  }, 'must begin with https:// (http:// is allowed for localhost only)')
  .refine((url) => {
    const { origin, href } = new URL(url);
    return href === `${origin}/`;
  }, 'must be an origin without a path, for example https://api.infusionsoft.com');

const text = (pattern: RegExp, message: string) =>
  z.string(message).regex(pattern, { error: message, abort: true });

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
const encryptionKey = text(
  /^(aws|create|arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+)$/,
  'must be "aws", "create", or the ARN of a KMS key (arn:aws:kms:…:key/…), not of an alias',
);

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

/** The settings of a stack, in cdk.json under `context.userSync`. All have defaults. */
const configSchema = group({
  /** Name of the CloudFormation stack. */
  stackName: text(
    /^[A-Za-z][A-Za-z0-9-]{0,127}$/,
    'must begin with a letter and have at most 128 letters, digits and hyphens',
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
     * `service-account-key`), or your own numbers. They determine the pace and the concurrency, see `shared/quota/pace.ts`. They must not
     * allow more requests per second than can be paced, see `shared/quota/pace.ts`.
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
    /** 95th percentile of the CRM's response time in milliseconds. It determines the concurrency too. */
    latencyP95Ms: z
      .number()
      .positive()
      .max(INVOCATION_MS - WRITE_BACK_MS)
      .default(400),
    /**
     * Milliseconds by which the pace's window is longer than a second, because requests start late and the network changes their
     * distance. With less than 20, most slots would be missed: timers and DynamoDB take some milliseconds.
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
    refreshSchedule: text(
      /^(off|cron\(.+\)|rate\(.+\))$/,
      'must be cron(…), rate(…) or off, for example cron(0 3 * * ? *)',
    ).default('cron(0 3 * * ? *)'),
    /** Share of the daily and monthly limit that backfills leave for live changes. */
    liveReserve: z.number().min(0).max(0.95).default(0.2),
  }).prefault({}),
  /**
   * What happens to the contact of a deleted user: `mark` removes the managed tags and applies "Account Deleted", `untag` only removes
   * them, `leave` does nothing, `delete` deletes the contact, `anonymise` marks it and removes its personal data.
   */
  deletionPolicy: z.enum(['mark', 'untag', 'leave', 'delete', 'anonymise']).default('mark'),
  /** The contact of a person who asks to be forgotten (`npm run forget`). */
  forgetPolicy: z.enum(['delete', 'anonymise']).default('delete'),
  /**
   * Lowest level of log lines to keep. Not above INFO: metrics are log lines of that level, and Lambda would drop them
   * (AWS Lambda, "Log-level filtering": a line without a level is INFO).
   */
  logLevel: z.enum(['DEBUG', 'INFO']).default('INFO'),
  /**
   * Whether X-Ray traces the functions. Off by default, because it would cost more than everything else together: Lambda traces the
   * first invocation of a function each second, which are nearly all of them (docs/cost.md). The segments show
   * how long an invocation took, which the logs say too; `npm run trace` follows a user through them.
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
    /** Seconds within which 99 % of users should be in sync after a change. A backfill adds less than three. */
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
