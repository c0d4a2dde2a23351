import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import * as z from 'zod';
import type { Settings } from '../../infra/accounts.ts';
import { synthesize } from '../../infra/app.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/users';

/** Settings whose templates are checked, by name. */
const TEMPLATES: Readonly<Record<string, Settings>> = {
  default: {},
  'own key': { encryptionKey: 'create' },
  'two accounts': { accounts: { production: {}, sandbox: { crm: { limits: 'service-account-key' } } } },
  'existing table and secret': {
    userTable: { arn: TABLE, streamArn: `${TABLE}/stream/2026-01-01T00:00:00.000` },
    crm: { existingSecretArn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm-AbCd12' },
  },
  events: {
    events: {
      callback: { url: 'https://app.example.com/events' },
      queueArn: 'arn:aws:sqs:eu-west-1:123456789012:app-events',
      resources: ['orders'],
    },
  },
};

/** Accepted findings. */
const EXCEPTIONS: readonly { rule: string; message: RegExp; reason: string }[] = [
  {
    rule: 'W3005',
    message: /^'\w+Role[0-9A-F]{8}' dependency already enforced/,
    reason:
      "CDK makes a function and a state machine depend on their role and on the role's policies: the role is redundant, the policies are not.",
  },
  {
    rule: 'W3005',
    message: /^'\w+(DiffUser|SyncContact|SendCallback|RotateToken)[0-9A-F]{8}' dependency already enforced/,
    reason:
      "An event source and the rotation depend on their function with its role's policies: the function is redundant, the policies are not.",
  },
];

export interface Finding {
  /** Settings and file of the template. */
  template: string;
  rule: string;
  message: string;
}

const outputSchema = z.array(
  z.object({ Filename: z.string(), Message: z.string(), Rule: z.object({ Id: z.string() }) }),
);

/**
 * Findings of cfn-lint without an exception, and exceptions without a finding.
 *
 * @param bin directory of the cfn-lint executable.
 * @throws Error when cfn-lint does not run.
 */
export async function lintTemplates(bin: string): Promise<Finding[]> {
  const directory = mkdtempSync(join(tmpdir(), 'cfn-lint-'));
  try {
    // Without bundling: the code of the functions is not in a template.
    for (const [name, settings] of Object.entries(TEMPLATES))
      synthesize(settings, { outdir: join(directory, name), context: { 'aws:cdk:bundling-stacks': [] } });
    const templates = globSync('*/*.template.json', { cwd: directory }).map((file) => join(directory, file));
    const findings = (await cfnLint(bin, templates)).map(
      ({ Filename, Message, Rule }): Finding => ({
        template: relative(directory, Filename),
        rule: Rule.Id,
        message: Message,
      }),
    );
    const explains = ({ rule, message }: (typeof EXCEPTIONS)[number], finding: Finding) =>
      rule === finding.rule && message.test(finding.message);
    const unexplained = findings.filter((finding) => !EXCEPTIONS.some((each) => explains(each, finding)));
    // An unused exception is a finding too: it is not needed any more, or nothing was checked.
    const unused = EXCEPTIONS.filter((each) => !findings.some((finding) => explains(each, finding))).map(
      ({ rule, message }) => ({
        template: 'all',
        rule,
        message: `The exception ${message} explains no finding`,
      }),
    );
    return [...unexplained, ...unused];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function cfnLint(bin: string, templates: readonly string[]): Promise<z.output<typeof outputSchema>> {
  const { error, stdout, stderr } = await new Promise<{
    error: Error | null;
    stdout: string;
    stderr: string;
  }>((resolve) => {
    // The exit code is not 0 when there are findings, so only the output shows whether it ran.
    execFile(
      join(bin, 'cfn-lint'),
      ['--format', 'json', '--', ...templates],
      { maxBuffer: 50_000_000 },
      (error, stdout, stderr) => resolve({ error, stdout, stderr }),
    );
  });
  try {
    return outputSchema.parse(JSON.parse(stdout));
  } catch (cause) {
    throw new Error(`cfn-lint did not run: ${stderr || error?.message}`, { cause });
  }
}
