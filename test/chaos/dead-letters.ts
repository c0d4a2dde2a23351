import type { SQSClient } from '@aws-sdk/client-sqs';
import { receiveAll } from '../../infra/cli/support/receive-all.ts';
import type { RejectionReason } from '../../shared/sync/errors.ts';

/** A message that failed for good. */
export interface DeadLetter {
  queue: string;
  userId: string;
  reason: string | undefined;
}

/** The users for whom exactly one dead letter is expected, by reason. Any other dead letter is unexplained. */
export type ExpectedDeadLetters = Readonly<Partial<Record<RejectionReason, ReadonlySet<string>>>>;

/** Compares dead letters with the expected ones. */
export function explainDeadLetters(
  letters: readonly DeadLetter[],
  expected: ExpectedDeadLetters,
): { explained: number; unexplained: string[] } {
  const left = new Set<string>();
  const keyOf = (reason: string | undefined, userId: string) => `${userId} ${reason ?? 'no reason'}`;
  for (const [reason, users] of Object.entries(expected)) {
    for (const userId of users) left.add(keyOf(reason, userId));
  }
  const unexplained: string[] = [];
  for (const { queue, userId, reason } of letters) {
    if (!left.delete(keyOf(reason, userId))) unexplained.push(`${queue}: ${keyOf(reason, userId)}`);
  }
  const explained = letters.length - unexplained.length;
  const missing = [...left].map((key) => `no dead letter: ${key}`);
  return { explained, unexplained: [...unexplained, ...missing] };
}

/** Reads all dead letters of both queues, and hides them. @param outputs outputs of the stack. */
export async function readDeadLetters(
  sqs: SQSClient,
  outputs: Readonly<Record<string, string>>,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (const queue of ['DeadLetterQueueUrl', 'StreamFailureQueueUrl']) {
    for await (const messages of receiveAll(sqs, outputs[queue] ?? '', { MessageAttributeNames: ['All'] })) {
      for (const { Body = '', MessageAttributes } of messages) {
        const reason = MessageAttributes?.['reason']?.StringValue;
        letters.push({ queue, userId: /"userId":"([^"]+)"/.exec(Body)?.[1] ?? '', reason });
      }
    }
  }
  return letters;
}
