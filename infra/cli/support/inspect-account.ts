import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { ledgerAt } from '../../../shared/quota/ledger.ts';
import { type Budget, pauseOf } from '../../../shared/quota/remaining-quota.ts';
import type { Inspection, SyncTable } from '../../../shared/store/sync-table.ts';
import type { InspectAccountMessage } from '../../../shared/sync/message.ts';
import type { Requirements } from '../../../shared/user/requirements.ts';
import { CommandError } from './command-error.ts';
import type { Outputs } from './connect.ts';

export interface InspectionRequest {
  queueUrl: string;
  /** As `Outputs.command`. */
  command: Outputs['command'];
  requirements: Requirements;
  /** Whether to create what is missing. */
  create: boolean;
  /** Says whether requests are paused. */
  budget: Budget;
  /** How long to wait for the result, in milliseconds. */
  timeoutMs: number;
}

const POLL_MS = 500;

/**
 * Lets the sync inspect the CRM account, so that its requests are paced and counted like all others.
 *
 * @throws CommandError during a pause that is too long to wait for, or when there is no result in time.
 */
export async function inspectAccount(
  sqs: SQSClient,
  table: SyncTable,
  { queueUrl, command, requirements, create, budget, timeoutMs }: InspectionRequest,
): Promise<Inspection> {
  const deadline = Date.now() + timeoutMs;
  const stored = (await table.ledger.read())?.value;
  const pause = pauseOf(ledgerAt(stored, Date.now()), budget, Date.now());
  if (pause && pause.until > deadline)
    throw new CommandError(
      `Requests are paused until ${new Date(pause.until).toISOString()} (${pause.reason}). See ${command('quota')}, and try again after that.`,
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
  while (Date.now() < deadline) {
    const inspection = await table.readInspection();
    if (inspection?.inspectionId === inspectionId && !inspection.isPartial) return inspection;
    await sleep(POLL_MS);
  }
  throw new CommandError(
    `The account was not inspected within ${Math.round(timeoutMs / 1000)} s. The sync may be paused (${command('quota')}), lack ` +
      `credentials (${command('authorize')}), or be rejected by the CRM (${command('redrive --dry-run')}).`,
  );
}
