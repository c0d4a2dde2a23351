import { GetAccountSettingsCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { CommandError } from '../command-error.ts';

/** What AWS keeps for functions without a reservation (AWS Lambda, "Reserved concurrency"). */
const KEPT_FOR_OTHERS = 100;

/**
 * Checks that the account has room for the reserved concurrency, which a deploy would only tell in its middle. New accounts start with 10.
 *
 * @param needed environments that the stack reserves.
 * @param reserved those that it has reserved already, if it is there.
 * @throws CommandError with the way out.
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
  if (left >= KEPT_FOR_OTHERS) return;
  throw new CommandError(
    `The account lets ${limit} functions run at once, ${unreserved} of them unreserved. The stack reserves ${needed}, and AWS keeps ${KEPT_FOR_OTHERS} for others, ` +
      `so ${KEPT_FOR_OTHERS - left} are missing. Ask for more (free of charge, often within the hour): Service Quotas, "AWS Lambda", ` +
      '"Concurrent executions", or: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000',
  );
}
