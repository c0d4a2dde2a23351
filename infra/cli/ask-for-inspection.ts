import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Inspection, SyncTable } from '../../shared/store/sync-table.ts';
import type { InspectAccountMessage } from '../../shared/sync/message.ts';
import type { Requirements } from '../../shared/user/requirements.ts';
import { CommandError } from './command-error.ts';

export interface AskForInspection {
  queueUrl: string;
  needs: Requirements;
  create: boolean;
  /** How long to wait for the answer, in milliseconds. */
  timeoutMs: number;
}

const POLL_MS = 500;

/**
 * Has the sync look at the CRM's account, since it alone calls the CRM: so the requests are paced and counted like all others.
 *
 * @throws CommandError when there is no answer in time: it then comes later, and is seen by the next call.
 */
export async function askForInspection(
  sqs: SQSClient,
  table: SyncTable,
  { queueUrl, needs, create, timeoutMs }: AskForInspection,
): Promise<Inspection> {
  const inspectionId = randomUUID();
  const message: InspectAccountMessage = {
    version: 1,
    kind: 'inspect-account',
    inspectionId,
    requirements: needs,
    create,
    count: true,
  };
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: JSON.stringify(message),
      MessageGroupId: 'catalog',
      MessageDeduplicationId: inspectionId,
    }),
  );
  const giveUpAt = Date.now() + timeoutMs;
  while (Date.now() < giveUpAt) {
    const inspection = await table.readInspection();
    if (inspection?.inspectionId === inspectionId && !inspection.isPartial) return inspection;
    await sleep(POLL_MS);
  }
  throw new CommandError(
    `No answer within ${Math.round(timeoutMs / 1000)} s. The sync may be paused (npm run quota), not let in (npm run authorize), ` +
      'or the CRM may have refused it (npm run redrive -- --dry-run).',
  );
}
