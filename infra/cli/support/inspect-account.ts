import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { ledgerAt } from '../../../shared/quota/ledger.ts';
import type { Inspection, SyncTable } from '../../../shared/store/sync-table.ts';
import type { InspectAccountMessage } from '../../../shared/sync/message.ts';
import type { Requirements } from '../../../shared/user/requirements.ts';
import { CommandError } from './command-error.ts';

export interface InspectionRequest {
  queueUrl: string;
  requirements: Requirements;
  /** Whether to create what is missing. */
  create: boolean;
  /** How long to wait for the result, in milliseconds. */
  timeoutMs: number;
}

const POLL_MS = 500;

/**
 * Lets the sync inspect the CRM account, so that its requests are paced and counted like all others.
 *
 * @throws CommandError during a pause, or when there is no result in time.
 */
export async function inspectAccount(
  sqs: SQSClient,
  table: SyncTable,
  { queueUrl, requirements, create, timeoutMs }: InspectionRequest,
): Promise<Inspection> {
  const { pause } = ledgerAt((await table.ledger.read())?.value, Date.now());
  if (pause)
    throw new CommandError(
      `Requests are paused until ${new Date(pause.until).toISOString()} (${pause.reason}). See npx --no user-sync quota, and try again after that.`,
    );
  const inspectionId = randomUUID();
  const message: InspectAccountMessage = {
    version: 1,
    kind: 'inspect-account',
    inspectionId,
    requirements,
    create,
    count: true,
  };
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: JSON.stringify(message),
      // A group of its own: an earlier inspection may be hidden for long.
      MessageGroupId: `inspection#${inspectionId}`,
      MessageDeduplicationId: inspectionId,
    }),
  );
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const inspection = await table.readInspection();
    if (inspection?.inspectionId === inspectionId && !inspection.isPartial) return inspection;
    await sleep(POLL_MS);
  }
  throw new CommandError(
    `The account was not inspected within ${Math.round(timeoutMs / 1000)} s. The sync may be paused (npx --no user-sync quota), lack ` +
      'credentials (npx --no user-sync authorize), or be rejected by the CRM (npx --no user-sync redrive --dry-run).',
  );
}
