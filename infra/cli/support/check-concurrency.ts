import { type CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import {
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import { paceFor } from '../../../shared/quota/pace.ts';
import type { Config } from '../../config.ts';
import { CommandError } from './command-error.ts';

/** Concurrency that AWS keeps for functions without a reservation (AWS Lambda, "Reserved concurrency"). */
const UNRESERVED_MINIMUM = 100;

/** Concurrent environments that a stack reserves. */
export function reservedConcurrency({ crm }: Config): number {
  return paceFor(crm).environments + (crm.tokenRotationHours === 'off' ? 0 : 1);
}

/**
 * Checks that the account has room for the reserved concurrency; a deploy would fail half-way otherwise. New accounts have a quota of 10.
 *
 * @param needed environments that the stack reserves.
 * @param reserved environments that the deployed stack has reserved already.
 * @throws CommandError that says how to raise the quota.
 */
export async function checkConcurrency(
  lambda: LambdaClient,
  needed: number,
  reserved: number,
): Promise<void> {
  const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
  const limit = AccountLimit?.ConcurrentExecutions ?? 0;
  const unreserved = AccountLimit?.UnreservedConcurrentExecutions ?? limit;
  const left = unreserved + reserved - needed;
  if (left >= UNRESERVED_MINIMUM) return;
  throw new CommandError(
    `The account allows ${limit} concurrent executions, ${unreserved} of them unreserved. The stack reserves ${needed} and AWS keeps ${UNRESERVED_MINIMUM}, ` +
      `so ${UNRESERVED_MINIMUM - left} are missing. Request more (free, often granted within the hour): Service Quotas, "AWS Lambda", ` +
      '"Concurrent executions", or: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000',
  );
}

/** Concurrent environments that a deployed stack has reserved: fewer than it needs with new settings, perhaps. */
export async function concurrencyReservedBy(
  stackName: string,
  lambda: LambdaClient,
  client: CloudFormationClient,
): Promise<number> {
  let reserved = 0;
  for await (const { StackResourceSummaries = [] } of paginateListStackResources(
    { client },
    { StackName: stackName },
  )) {
    for (const { ResourceType, PhysicalResourceId: FunctionName } of StackResourceSummaries) {
      // A function that a failed deployment did not create has no id.
      if (ResourceType !== 'AWS::Lambda::Function' || !FunctionName) continue;
      const found = await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }));
      reserved += found.ReservedConcurrentExecutions ?? 0;
    }
  }
  return reserved;
}
