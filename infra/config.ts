import { existsSync } from 'node:fs';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as z from 'zod';
import { type Limits, limitsSchema, PRESETS, rateOf } from '../shared/quota/limits.ts';
import { MAX_RATE } from '../shared/quota/pace.ts';
import { INVOCATION_MS, WRITE_BACK_MS } from '../shared/quota/retry-policy.ts';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

const crmUrl = z
  .url({ protocol: /^https?$/, error: 'must be a URL (https://…)', abort: true })
  .refine((url) => {
    const { protocol, hostname } = new URL(url);
    return protocol === 'https:' || LOOPBACK.has(hostname);
  }, 'must be https (http only for this machine)')
  .refine((url) => {
    const { origin, href } = new URL(url);
    return href === `${origin}/`;
  }, 'must be a host without a path (https://api.infusionsoft.com)');

const text = (pattern: RegExp, message: string) =>
  z.string(message).regex(pattern, { error: message, abort: true });

const tableArn = text(
  /^arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{12}:table\/[\w.-]+$/,
  'must be the ARN of a table (arn:aws:dynamodb:…:table/name)',
);
const streamArn = text(
  /^arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{12}:table\/[\w.-]+\/stream\/.+$/,
  'must be the ARN of a stream (arn:aws:dynamodb:…:table/name/stream/…)',
);
const secretArn = text(
  /^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+-[A-Za-z0-9]{6}$/,
  'must be the whole ARN of a secret, with the six characters at its end (arn:aws:secretsmanager:…:secret:name-AbCdEf)',
);
const encryptionKey = text(
  /^(aws|create|arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+)$/,
  'must be "aws", "create", or the ARN of a key, not of an alias (arn:aws:kms:…:key/…)',
);

const PRESET_NAMES = Object.keys(PRESETS) as (keyof typeof PRESETS)[];
const RETENTION = Object.values(RetentionDays).filter((days) => typeof days === 'number');

/** An object of settings that knows no others. */
const group = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys' ? `is no setting; there are ${Object.keys(shape).join(', ')}` : undefined,
  });

/** The settings of the stack, under `context.userSync` in cdk.json. All have defaults. */
const configSchema = group({
  /** Name of the CloudFormation stack. */
  stackName: text(
    /^[A-Za-z][A-Za-z0-9-]{0,127}$/,
    'must be letters, digits and hyphens, a letter first, 128 at most',
  ).default('user-sync'),
  /** File of the mapping, which decides what the CRM shows: one for each account that shows something else. */
  mapping: text(/^shared\/user\/[\w.-]+\.ts$/, 'must be a file in shared/user (shared/user/mapping.ts)')
    .refine((file) => existsSync(new URL(`../${file}`, import.meta.url)), 'must be a file that exists')
    .default('shared/user/mapping.ts'),
  crm: group({
    /** Origin of the CRM's API. */
    url: crmUrl.default('https://api.infusionsoft.com'),
    /**
     * Limits of the contract, or the part of them that this system may use: a row of the vendor's table (`team`, `oauth`,
     * `service-account-key`), or numbers of your own. Environments and pace follow from them, see `shared/quota/pace.ts`. They may not
     * allow more requests a second than can be paced, see `shared/quota/pace.ts`.
     */
    limits: z
      .union([z.enum(PRESET_NAMES), limitsSchema], {
        error: `must be ${PRESET_NAMES.join(', ')}, or {"second": 25 (2 or more), "minute": 1500 (120 or more), "day": 125000, "month": 3750000 or null}`,
      })
      .transform((limits): Limits => (typeof limits === 'string' ? PRESETS[limits] : limits))
      .refine((limits) => rateOf(limits) <= MAX_RATE, {
        error: `must not allow more than ${MAX_RATE} requests a second, which is what one DynamoDB item can pace: lower "second", or "minute" to ${MAX_RATE * 60} or less`,
      })
      .prefault('team'),
    /** 95th percentile of the CRM's answer time in milliseconds: environments follow from it too. An invocation has time for one. */
    latencyP95Ms: z
      .number()
      .positive()
      .max(INVOCATION_MS - WRITE_BACK_MS)
      .default(400),
    /**
     * How much longer than a second the pace's window is: requests may start late and the network may move two towards each other. Timers
     * and DynamoDB take some milliseconds, so with less slack than the least most slots would be missed.
     */
    windowSlackMs: z.number().int().min(20).max(1000).default(45),
    /**
     * Requests of a burst, a few milliseconds apart, when more are to be made than the limit allows. The default is half of a second's. Make
     * it smaller if the gateway refuses bursts. See `docs/performance.md`.
     */
    burst: z.int().min(1).max(1000).optional(),
    /** Contacts that one request can tag at most (the vendor's PHP SDK enforces 100). One that is refused is tried in halves. */
    tagBatch: z.int().min(1).max(1000).default(100),
    /**
     * Name of the secret to create for the CRM's credentials; AWS chooses one by default. A secret is kept when the stack is destroyed, and
     * a second one of the same name cannot be created: set `existingSecretArn` then.
     */
    secretName: text(
      /^[A-Za-z0-9/_+=.@-]{1,512}$/,
      'must be letters, digits and /_+=.@-, 512 at most',
    ).optional(),
    /**
     * ARN of a secret that is there already, instead of a new one. If it is encrypted with a key other than `encryptionKey`, that
     * key's policy has to let the roles of sync-contact and rotate-token use it.
     */
    existingSecretArn: secretArn.optional(),
    /**
     * Hours between two renewals of OAuth tokens, which live for 24: by rotation of the secret, whose shortest time is 4 hours
     * (AWS Secrets Manager). Or `off`, when another program renews them. Other credentials rotate to themselves.
     */
    tokenRotationHours: z
      .union([z.int().min(4).max(20), z.literal('off')], { error: 'must be 4 to 20, or "off"' })
      .default(12),
  }).prefault({}),
  /**
   * The application's table, with partition key `userId`, and its stream of new and old images. Without it a new table is
   * made. If it is encrypted with a key other than `encryptionKey`, that key's policy has to let the roles of diff-user, sync-contact
   * and the backfill use it.
   */
  userTable: group({ arn: tableArn, streamArn })
    .refine(({ arn, streamArn }) => streamArn.startsWith(`${arn}/stream/`), {
      error: 'must be a stream of the table in userTable.arn',
      path: ['streamArn'],
    })
    .optional(),
  backfill: group({
    /** When active users are looked at again, as EventBridge Scheduler writes it (UTC), or `off`. */
    refreshSchedule: text(/^(off|cron\(.+\)|rate\(.+\))$/, 'must be cron(…), rate(…) or off').default(
      'cron(0 3 * * ? *)',
    ),
    /** Part of the day's and the month's limit that backfills leave for live changes, from 0 to 1. */
    liveReserve: z.number().min(0).max(0.95).default(0.2),
  }).prefault({}),
  /**
   * The contact of a deleted user: `mark` takes the managed tags off and puts "Account Deleted" on, `untag` only takes them off,
   * `leave` does nothing, `delete` deletes it, `anonymise` marks it and takes away all that says something of the person.
   */
  deletionPolicy: z.enum(['mark', 'untag', 'leave', 'delete', 'anonymise']).default('mark'),
  /** The contact of a person who asks to be forgotten (`npm run forget`). */
  forgetPolicy: z.enum(['delete', 'anonymise']).default('delete'),
  /**
   * The least important lines that are kept. None above INFO: metrics are log lines of that level, and Lambda would drop them
   * (AWS Lambda, "Log-level filtering": a line without a level is INFO).
   */
  logLevel: z.enum(['DEBUG', 'INFO']).default('INFO'),
  /**
   * Whether X-Ray records the functions' invocations. Off, since it would cost more than all else together: Lambda records the first
   * invocation of a function each second, and changes that come one at a time are nearly all that (docs/cost.md). Its segments say
   * how long an invocation took, which the logs say too; `npm run trace` follows a user through them.
   */
  tracing: z.boolean().default(false),
  /** Days that CloudWatch Logs keeps a line, of those that it offers; 9999 keeps them for ever. */
  logRetentionDays: z.literal(RETENTION).default(30),
  /**
   * What encrypts data at rest: `aws`, a key of each service's own; `create`, a key that the stack makes and AWS renews each year; or the ARN
   * of a key of the same region that is there already. That one's policy has to let CloudWatch use it *before* the deploy: the statements
   * are in docs/security.md. It holds for the queues, logs and the topic of alarms, and for the tables and the secret that the stack makes.
   */
  encryptionKey: encryptionKey.default('aws'),
  alarms: group({
    /** Who is told of alarms, by email; AWS asks that person to confirm. Without it, nobody is until somebody subscribes to the topic. */
    email: z.email('must be an email address').optional(),
    /** Where the runbook is read: alarms link to its articles. */
    runbookUrl: text(/^\S+$/, 'must be an address').default('docs/runbook.md'),
    /** Seconds after its change within which nearly every user (99 %) should be in sync. A backfill adds less than three. */
    lagSeconds: z.int().min(60).default(900),
  }).prefault({}),
  /** What `cdk destroy` does with the tables and the secret made by the stack. */
  removalPolicy: z.enum(['retain', 'destroy']).default('retain'),
});

export type Config = z.output<typeof configSchema>;
/** Settings as a person writes them: those left out have their defaults. */
export type ConfigInput = z.input<typeof configSchema>;

/** Settings that cannot be used. The message names each of them and what it has to be. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Checks the settings of one stack and fills in the defaults.
 *
 * @param path where the settings are, for the messages.
 * @throws ConfigError that names every wrong or unknown setting.
 */
export function parseConfig(settings: unknown, path: readonly string[] = ['userSync']): Config {
  const result = configSchema.safeParse(settings ?? {});
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => {
    const names = issue.code === 'unrecognized_keys' ? issue.keys : [];
    const paths = names.length > 0 ? names.map((name) => [...issue.path, name]) : [issue.path];
    return paths.map((each) => `  ${[...path, ...each].join('.')}: ${issue.message}`);
  });
  throw wrongSettings(lines);
}

/** @param lines one for each wrong setting. */
export function wrongSettings(lines: readonly string[]): ConfigError {
  return new ConfigError(['Wrong settings in cdk.json, under "context":', ...lines].join('\n'));
}
