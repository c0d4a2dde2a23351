import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { inspectAccount } from '../../infra/cli/support/inspect-account.ts';
import { commandWith } from '../../infra/cli/support/stack-option.ts';
import { problemsOf } from '../../shared/infusionsoft/catalog/account.ts';
import { syncTable } from '../../shared/store/sync-table.ts';
import { managedTags } from '../../shared/user/define-mapping.ts';
import { mapping } from '../../shared/user/mapping.ts';
import { requirementsOf } from '../../shared/user/requirements.ts';
import type { Random } from '../simulator/traffic/random.ts';
import type { ChaosContext } from './chaos-context.ts';

/** Longest wait for the inspection of the account: it waits behind all changes. */
const INSPECTION_MS = 5 * 60_000;

/**
 * A custom field and a tag that the account refuses to create. Never the user id field or the tag of deleted users: by them, a run
 * recognizes contacts.
 */
export function refusedCreations(random: Random): readonly string[] {
  const pick = (names: readonly string[]) => names[Math.floor(random() * names.length)] ?? '';
  const fields = Object.keys(mapping.customFields).filter((label) => label !== mapping.userIdField);
  const tags = managedTags(mapping).filter((name) => name !== mapping.deletedTag.name);
  return [pick(fields), pick(tags)];
}

/**
 * A person makes room in the account for what it refused to create, and runs `user-sync catalog --create`.
 *
 * @throws Error if the account still does not fit.
 */
export async function makeRoom({
  running: { controlApi, system },
  ownLimit,
  sqs,
}: ChaosContext): Promise<void> {
  await controlApi.set('directory', { refusedCreations: [] });
  const dynamodb = new DynamoDBClient(system.cloud.sdk('DYNAMODB'));
  const { account } = await inspectAccount(
    sqs,
    syncTable(dynamodb, system.cloud.outputs['SyncTableName'] ?? ''),
    {
      queueUrl: system.cloud.outputs['QueueUrl'] ?? '',
      command: commandWith(''),
      requirements: requirementsOf(mapping),
      create: true,
      // The stack's output has the limits of the first deployment.
      budget: { limits: ownLimit.limits, liveReserve: 0 },
      timeoutMs: INSPECTION_MS,
    },
  );
  dynamodb.destroy();
  const problems = problemsOf(account);
  if (problems.length > 0) throw new Error(`The account does not fit the mapping: ${problems.join('; ')}`);
}
