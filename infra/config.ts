import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as z from 'zod';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

const crmUrl = z.url({ protocol: /^https?$/ }).refine((url) => {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || LOOPBACK.has(hostname);
}, 'must be https (http only for this machine)');

const arn = (service: string) =>
  z
    .string()
    .regex(new RegExp(`^arn:[a-z-]+:${service}:`), `must be an ARN of ${service} (arn:aws:${service}:…)`);

const retentionDays = z
  .number()
  .refine(
    (days) => RetentionDays[days] !== undefined,
    'must be a period that CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, …',
  );

/** The settings of the stack, under `context.userSync` in cdk.json. All have defaults. */
const configSchema = z.strictObject({
  /** Name of the CloudFormation stack. */
  stackName: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,127}$/, 'must be a name for a CloudFormation stack')
    .default('user-sync'),
  crm: z
    .strictObject({
      /** Origin of the CRM's API. */
      url: crmUrl.default('https://api.infusionsoft.com'),
      /** Requests a second that this system may make: the contract's limit, or less if other programs share it. */
      requestsPerSecond: z.number().min(2).max(1000).default(25),
      /** 95th percentile of the CRM's answer time: environments follow from it, see `shared/quota/pace.ts`. */
      latencyP95Ms: z.number().positive().max(30_000).default(400),
      /** How much longer than a second the pace's window is, since a network may bend two requests together. */
      windowSlackMs: z.number().int().min(0).max(1000).default(50),
      /** Name of the secret to create for the CRM's credentials. */
      secretName: z
        .string()
        .regex(/^[A-Za-z0-9/_+=.@-]{1,512}$/, 'must be a name for a secret')
        .default('user-sync/crm'),
      /** ARN of a secret that is there already, instead of a new one. */
      existingSecretArn: arn('secretsmanager').optional(),
    })
    .prefault({}),
  /** The application's table and its stream (new and old images). Without it a new table is made. */
  userTable: z.strictObject({ arn: arn('dynamodb'), streamArn: arn('dynamodb') }).optional(),
  /** The contact of a deleted user: `mark` takes the managed tags off and puts "Account Deleted" on. */
  deletionPolicy: z.enum(['mark', 'untag', 'leave', 'delete']).default('mark'),
  logLevel: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']).default('INFO'),
  logRetentionDays: retentionDays.default(30),
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
 * Checks the settings and fills in the defaults.
 * @throws ConfigError that names every wrong or unknown setting.
 */
export function parseConfig(settings: unknown): Config {
  const result = configSchema.safeParse(settings ?? {});
  if (result.success) return result.data;
  const lines = result.error.issues.map(
    ({ path, message }) => `  ${['userSync', ...path].join('.')}: ${message}`,
  );
  throw new ConfigError(['Wrong settings in cdk.json, under "context":', ...lines].join('\n'));
}
