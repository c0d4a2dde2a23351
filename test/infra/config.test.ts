import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../infra/config.ts';
import { MAX_RATE } from '../../shared/quota/pace.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const STREAM = `${TABLE}/stream/2026-01-01T00:00:00.000`;

describe('parseConfig', () => {
  it.each([[undefined], [{}], [{ crm: {} }]])('has a default for every setting: %j', (settings) => {
    expect(parseConfig(settings)).toEqual({
      stackName: 'user-sync',
      mapping: 'shared/user/mapping.ts',
      crm: {
        url: 'https://api.infusionsoft.com',
        limits: { second: 25, minute: 1500, day: 125_000, month: 3_750_000 },
        latencyP95Ms: 400,
        windowSlackMs: 45,
        tagBatch: 100,
        tokenRotationHours: 12,
      },
      backfill: { refreshSchedule: 'cron(0 3 * * ? *)', liveReserve: 0.2 },
      deletionPolicy: 'mark',
      forgetPolicy: 'delete',
      encryptionKey: 'aws',
      alarms: { runbookUrl: 'docs/runbook.md', lagSeconds: 900 },
      logLevel: 'INFO',
      tracing: false,
      logRetentionDays: 30,
      removalPolicy: 'retain',
    });
  });

  it.each([
    { stackName: 'users-2' },
    { crm: { url: 'http://127.0.0.1:8080' } },
    { crm: { url: 'http://[::1]:8080' } },
    { crm: { url: 'http://localhost:8080/' } },
    { crm: { latencyP95Ms: 21_000, windowSlackMs: 20 } },
    { crm: { limits: { second: 2, minute: 120, day: 1000, month: null } } },
    { crm: { limits: { second: MAX_RATE, minute: 60_000, day: 1e7, month: null } } },
    { crm: { limits: { second: 1000, minute: 60 * MAX_RATE, day: 1e7, month: null } } },
    { crm: { existingSecretArn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12' } },
    { crm: { existingSecretArn: 'arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a/b-AbCd12' } },
    { userTable: { arn: TABLE, streamArn: STREAM } },
    { logRetentionDays: 9999 },
    { encryptionKey: 'create' },
    { encryptionKey: 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab' },
    { encryptionKey: 'arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab' },
    { deletionPolicy: 'delete', logLevel: 'DEBUG', removalPolicy: 'destroy' },
  ])('accepts %j', (settings) => {
    expect(parseConfig(settings)).toMatchObject(settings);
  });

  it.each([
    ['userSync', 'everything', /expected object/],
    ['userSync.stackName', { stackName: '1st' }, /begin with a letter/],
    ['userSync.stackName', { stackName: 'a'.repeat(72) }, /at most 71 letters/],
    ['userSync.crm', { crm: 25 }, /expected object/],
    ['userSync.crm.url', { crm: { url: 'api.infusionsoft.com' } }, /https:/],
    ['userSync.crm.url', { crm: { url: 'ftp://api.infusionsoft.com' } }, /https:/],
    ['userSync.crm.url', { crm: { url: 'http://api.infusionsoft.com' } }, /must begin with https/],
    ['userSync.crm.url', { crm: { url: 'https://api.infusionsoft.com/crm/rest' } }, /without a path/],
    [
      'userSync.crm.limits',
      { crm: { limits: 'gold' } },
      /team, oauth, service-account-key, or an object such as \{/,
    ],
    ['userSync.crm.limits.second', { crm: { limits: { second: 1, minute: 120, day: 1 } } }, />=2/],
    ['userSync.crm.limits.minute', { crm: { limits: { second: 2, minute: 60, day: 1 } } }, />=120/],
    ['userSync.crm.limits', { crm: { limits: { second: 25, minute: 1500 } } }, /"day": 125000/],
    [
      'userSync.crm.limits',
      { crm: { limits: { second: MAX_RATE + 1, minute: 60_000, day: 1e7 } } },
      /must not allow more than \d+ requests per second, .* one DynamoDB item/,
    ],
    ['userSync.crm.latencyP95Ms', { crm: { latencyP95Ms: 0 } }, />0/],
    ['userSync.crm.windowSlackMs', { crm: { windowSlackMs: 19 } }, />=20/],
    ['userSync.crm.windowSlackMs', { crm: { windowSlackMs: 20.5 } }, /int/],
    ['userSync.crm.secretName', { crm: { secretName: 'a b' } }, /letters, digits/],
    ['userSync.crm.tokenRotationHours', { crm: { tokenRotationHours: 'never' } }, /4 to 20, or "off"/],
    ['userSync.backfill.refreshSchedule', { backfill: { refreshSchedule: 'daily' } }, /cron.*rate.*off/],
    ['userSync.backfill.refreshSchedule', { backfill: { refreshSchedule: 'cron(0 3 * * *)' } }, /six fields/],
    [
      'userSync.backfill.refreshSchedule',
      { backfill: { refreshSchedule: 'rate(0 minutes)' } },
      /cron.*rate.*off/,
    ],
    ['userSync.backfill.liveReserve', { backfill: { liveReserve: 2 } }, /0\.95/],
    ['userSync.crm.existingSecretArn', { crm: { existingSecretArn: 'user-sync/crm' } }, /ARN of a secret/],
    [
      'userSync.crm.existingSecretArn',
      { crm: { existingSecretArn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm' } },
      /six characters/,
    ],
    ['userSync.userTable.streamArn', { userTable: { arn: TABLE } }, /ARN of a DynamoDB stream/],
    ['userSync.userTable.arn', { userTable: { streamArn: STREAM } }, /ARN of a DynamoDB table/],
    [
      'userSync.userTable.streamArn',
      { userTable: { arn: `${TABLE}-2`, streamArn: STREAM } },
      /stream of the table/,
    ],
    [
      'userSync.deletionPolicy',
      { deletionPolicy: 'forget' },
      /"mark"\|"untag"\|"leave"\|"delete"\|"anonymise"/,
    ],
    ['userSync.encryptionKey', { encryptionKey: true }, /"aws", "create", or the ARN of a KMS key/],
    ['userSync.encryptionKey', { encryptionKey: 'alias/users' }, /not of an alias/],
    [
      'userSync.encryptionKey',
      { encryptionKey: 'arn:aws:kms:eu-west-1:123456789012:alias/users' },
      /arn:aws:kms:…:key/,
    ],
    ['userSync.logLevel', { logLevel: 'WARN' }, /"DEBUG"\|"INFO"/],
    ['userSync.logRetentionDays', { logRetentionDays: 31 }, /1\|3\|5\|7\|14\|30\|/],
    ['userSync.removalPolicy', { removalPolicy: 'snapshot' }, /"retain"\|"destroy"/],
    ['userSync.crmUrl', { crmUrl: 'https://x' }, /not a setting; use one of stackName, mapping, crm,/],
    ['userSync.mapping', { mapping: '../mapping.ts' }, /a file in shared\/user/],
    ['userSync.mapping', { mapping: 'shared/user/nowhere.ts' }, /must exist/],
    ['userSync.crm.rate', { crm: { rate: 25 } }, /not a setting; use one of url, limits,/],
  ])('rejects %s in %j and names the valid values', (path, settings, allowed) => {
    const lines = linesOf(settings);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^  ${path}: `));
    expect(lines[0]).toMatch(allowed);
  });

  it.each([
    ['team', { second: 25, minute: 1500, day: 125_000, month: 3_750_000 }],
    ['oauth', { second: 25, minute: 1500, day: 150_000, month: null }],
    ['service-account-key', { second: 10, minute: 240, day: 30_000, month: null }],
  ] as const)('knows the limits of the preset %s', (limits, expected) => {
    expect(parseConfig({ crm: { limits } }).crm.limits).toEqual(expected);
  });

  it('names every invalid setting at once', () => {
    expect(linesOf({ one: 1, two: 2, crm: { url: 3 }, logLevel: 'loud' })).toHaveLength(4);
  });
});

function linesOf(settings: unknown): string[] {
  try {
    parseConfig(settings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').slice(1);
  }
  throw new Error('The settings were accepted');
}
