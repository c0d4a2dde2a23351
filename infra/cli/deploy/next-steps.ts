import { DescribeExecutionCommand, paginateListExecutions, type SFNClient } from '@aws-sdk/client-sfn';
import * as z from 'zod';
import { type Account, missingFrom, problemsOf } from '../../../shared/infusionsoft/catalog/account.ts';
import type { CredentialsStatus } from '../support/credentials-status.ts';
import { stackOption } from '../support/stack-option.ts';

/** What is known after a deploy. */
export interface DeployResult {
  stack: string;
  credentials: CredentialsStatus;
  /** The tags and fields of the account, or undefined when the sync did not inspect it. */
  account: Account | undefined;
  /** Why it did not. */
  problem?: string;
  /** See {@link hasBackfilled}. */
  isBackfilled: boolean;
}

/** What to do next, in order. */
export function nextSteps({ stack, credentials, account, problem, isBackfilled }: DeployResult): string[] {
  const commandLine = (command: string, options = '') =>
    `npx --no user-sync ${command}${stackOption(stack)}${options}`;
  const backfill = `${commandLine('backfill', ' --mode contacts --dry-run')}, then without --dry-run`;
  const watch = `watch: ${commandLine('status')}`;
  if (credentials.kind === 'none')
    return [
      `give the sync access to the CRM: ${commandLine('authorize')}`,
      `check the mapping against the account: ${commandLine('catalog')}`,
      `preview a backfill: ${backfill}`,
      watch,
    ];
  if (!account) return [`check the account: ${problem ?? `see ${commandLine('status')}`}`];
  const missing = missingFrom(account).length;
  return [
    ...problemsOf(account).map((problem) => `fix the mapping or the account: ${problem}`),
    missing > 0 &&
      `${missing} missing tags and fields are created by the first sync, or now: ${commandLine('catalog', ' --create')}`,
    !isBackfilled && `bring in existing users, unless you did more than 90 days ago: ${backfill}`,
    watch,
  ].filter((step) => typeof step === 'string');
}

const reportSchema = z.looseObject({ mode: z.string(), dryRun: z.boolean() });

/**
 * Whether a backfill of mode `contacts` has succeeded. A dry run does not count, nor does the daily refresh. Step Functions keeps
 * executions for 90 days.
 */
export async function hasBackfilled(sfn: SFNClient, stateMachineArn: string): Promise<boolean> {
  const succeeded = { stateMachineArn, statusFilter: 'SUCCEEDED' as const };
  for await (const { executions = [] } of paginateListExecutions({ client: sfn }, succeeded)) {
    for (const { executionArn } of executions) {
      const { output = 'null' } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      const { data: report } = reportSchema.safeParse(JSON.parse(output));
      if (report?.mode === 'contacts' && !report.dryRun) return true;
    }
  }
  return false;
}
