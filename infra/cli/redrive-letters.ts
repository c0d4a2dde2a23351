import type { SQSClient } from '@aws-sdk/client-sqs';
import { countMessages } from '../../shared/queue/count-messages.ts';
import { CommandError } from './command-error.ts';
import { type DeadLetter, holdDeadLetters, putBack, UNREADABLE } from './dead-letters.ts';
import { release } from './receive-all.ts';

export interface RedriveOptions {
  queueUrl: string;
  deadLetterQueueUrl: string;
  /** Only those with this reason. */
  reason?: string | undefined;
  /** Only those sent at this time or after it, in epoch milliseconds. */
  since?: number | undefined;
  dryRun?: boolean | undefined;
}

/** Dead letters of one reason. */
interface ReasonSummary {
  reason: string;
  letters: number;
  oldest: string;
  exampleUserId: string | null;
}

export interface RedriveReport {
  reasons: ReasonSummary[];
  /** About how many are behind others of the same user, and cannot be seen before those are gone. */
  behindOthers: number;
  /** About how many another reader holds: a second redrive, or one that was interrupted. They come back within `HOLD_SECONDS`. */
  heldElsewhere: number;
  /** Put back into the queue. */
  redriven: number;
  /** No messages of this system: they stay. */
  unreadable: { messageId: string; characters: number }[];
}

/**
 * Puts dead letters back into the queue. Always safe: a message holds no data and says only who should be looked at, so one that
 * comes twice or late does no harm.
 *
 * @throws CommandError for a reason that no letter has.
 */
export async function redrive(sqs: SQSClient, options: RedriveOptions): Promise<RedriveReport> {
  const { deadLetterQueueUrl: deadLetters, queueUrl: queue, reason, since = 0 } = options;
  const held = await holdDeadLetters(sqs, deadLetters);
  const isWanted = (letter: DeadLetter) =>
    letter.reason !== UNREADABLE && (!reason || letter.reason === reason) && letter.sentAt >= since;
  try {
    const { visible, hidden } = await countMessages(sqs, deadLetters);
    const report = {
      ...summaryOf(held),
      behindOthers: visible,
      heldElsewhere: Math.max(0, hidden - held.length),
      redriven: 0,
    };
    if (reason && !report.reasons.some((each) => each.reason === reason)) {
      const known = report.reasons.map((each) => each.reason).join(', ') || 'none at all';
      throw new CommandError(`No dead letter has the reason ${reason}. There are: ${known}.`);
    }
    if (options.dryRun) return report;
    while (held.some(isWanted)) {
      for (const letter of held.filter(isWanted)) {
        await putBack(sqs, letter, { queue, deadLetters });
        held.splice(held.indexOf(letter), 1);
        report.redriven++;
      }
      // Those that were behind them can be seen now. One that was held for too long comes again, with a new receipt handle.
      const seen = await holdDeadLetters(sqs, deadLetters);
      const isSeen = ({ messageId }: DeadLetter) => seen.some((each) => each.messageId === messageId);
      held.splice(0, held.length, ...held.filter((letter) => !isSeen(letter)), ...seen);
    }
    return report;
  } finally {
    await release(sqs, deadLetters, handlesOf(held));
  }
}

const handlesOf = (letters: readonly DeadLetter[]) => letters.map(({ receiptHandle }) => receiptHandle);

function summaryOf(held: readonly DeadLetter[]): Pick<RedriveReport, 'reasons' | 'unreadable'> {
  const byReason = Map.groupBy(held, ({ reason }) => reason);
  return {
    reasons: [...byReason].map(([reason, letters]) => ({
      reason,
      letters: letters.length,
      oldest: new Date(Math.min(...letters.map(({ sentAt }) => sentAt))).toISOString(),
      exampleUserId: letters[0]?.userId ?? null,
    })),
    unreadable: held
      .filter(({ reason }) => reason === UNREADABLE)
      .map(({ messageId, body }) => ({ messageId, characters: body.length })),
  };
}
