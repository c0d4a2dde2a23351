import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Settings } from '../../infra/accounts.ts';
import { synthesize } from '../../infra/app.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';
const KEY = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12';

const outdir = mkdtempSync(join(tmpdir(), 'user-sync-'));
afterAll(() => rmSync(outdir, { recursive: true }));
beforeEach(() => void vi.stubEnv('CDK_VALIDATION', 'true'));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Synthesizes without bundling, which no rule checks. */
const synthesizeQuickly = (settings: Settings) =>
  synthesize(settings, { outdir, context: { 'aws:cdk:bundling-stacks': [] } });

describe('the AWS Solutions rules and the validation of the CDK', () => {
  it.each<Settings>([
    {},
    { encryptionKey: 'create' },
    { encryptionKey: KEY },
    { userTable: { arn: TABLE, streamArn: `${TABLE}/stream/2026-01-01T00:00:00.000` } },
    { crm: { existingSecretArn: SECRET } },
    {
      userTable: { arn: TABLE, streamArn: `${TABLE}/stream/2026-01-01T00:00:00.000` },
      crm: { existingSecretArn: SECRET },
      encryptionKey: KEY,
    },
    { crm: { tokenRotationHours: 'off' }, backfill: { refreshSchedule: 'off' } },
    { events: { callback: { url: 'https://app.example.com/events' } } },
    {
      encryptionKey: 'create',
      events: {
        bus: 'arn:aws:events:eu-west-1:123456789012:event-bus/mine',
        queueArn: 'arn:aws:sqs:eu-west-1:123456789012:mine',
        callback: { url: 'https://app.example.com/events', existingSecretArn: SECRET },
      },
    },
    { alarms: { email: 'ops@example.com' }, removalPolicy: 'destroy' },
    {
      accounts: { production: { encryptionKey: 'create' }, sandbox: { crm: { tokenRotationHours: 'off' } } },
    },
  ])('pass for the settings %j', (settings) => {
    const check = vi.spyOn(AwsSolutionsChecks.prototype, 'validate');
    synthesizeQuickly(settings);
    expect(check.mock.results).toEqual([{ type: 'return', value: { success: true, violations: [] } }]);
    const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8'));
    expect(report.pluginReports).toEqual([]);
  });

  it('fail the synthesis when one is broken', () => {
    vi.spyOn(AwsSolutionsChecks.prototype, 'validate').mockReturnValue({
      success: false,
      violations: [
        {
          ruleName: 'AwsSolutions-SQS4',
          description: 'No TLS',
          severity: 'error',
          violatingResources: [{ constructPath: 'user-sync/ContactSync/Queue/Resource', locations: [] }],
        },
      ],
    });
    expect(() => synthesizeQuickly({})).toThrow(/No TLS/);
  });
});
