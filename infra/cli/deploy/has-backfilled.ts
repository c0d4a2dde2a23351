import { DescribeExecutionCommand, paginateListExecutions, type SFNClient } from '@aws-sdk/client-sfn';
import * as z from 'zod';

const reportSchema = z.looseObject({ mode: z.string(), dryRun: z.boolean() });

/**
 * Whether users who were there before the sync were brought in: a backfill of contacts that ended well and was not dry. Neither the daily
 * refresh counts nor one that Step Functions has forgotten, which is after 90 days.
 */
export async function hasBackfilled(sfn: SFNClient, stateMachineArn: string): Promise<boolean> {
  const ended = { stateMachineArn, statusFilter: 'SUCCEEDED' as const };
  for await (const { executions = [] } of paginateListExecutions({ client: sfn }, ended)) {
    for (const { executionArn } of executions) {
      const { output = 'null' } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      const { data: report } = reportSchema.safeParse(JSON.parse(output));
      if (report?.mode === 'contacts' && !report.dryRun) return true;
    }
  }
  return false;
}
