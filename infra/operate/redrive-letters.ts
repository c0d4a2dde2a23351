import { setTimeout as sleep } from 'node:timers/promises';
import {
  ListMessageMoveTasksCommand,
  type SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { CommandError } from './command-error.ts';
import {
  type DeadLetter,
  describeQueue,
  holdDeadLetters,
  putBack,
  release,
  UNREADABLE,
} from './dead-letters.ts';

export interface RedriveOptions {
  queueUrl: string;
  deadLetterQueueUrl: string;
  /** Only those with this reason. */
  reason?: string | undefined;
  /** Only those sent at this time or after it, in epoch milliseconds. */
  since?: number | undefined;
  dryRun?: boolean | undefined;
  /** Whether SQS can move messages by itself; a local one cannot. */
  canMove: boolean;
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
  /** Letters behind others of the same user, which cannot be seen before those are gone. */
  behindOthers: number;
  /** Put back into the queue. */
  redriven: number;
  /** No messages of this system: they stay. */
  unreadable: { messageId: string; characters: number }[];
}

const FOLLOW_MS = 1000;

/**
 * Puts dead letters back into the queue. Always safe: a message holds no data and says only who should be looked at, so one that
 * comes twice or late does no harm.
 *
 * @throws CommandError for a reason that no letter has, or when SQS cannot move them.
 */
export async function redrive(sqs: SQSClient, options: RedriveOptions): Promise<RedriveReport> {
  const { deadLetterQueueUrl: deadLetters, queueUrl: queue, reason, since = 0 } = options;
  const { messages, arn } = await describeQueue(sqs, deadLetters);
  const held = await holdDeadLetters(sqs, deadLetters);
  const report = { ...summaryOf(held), behindOthers: Math.max(0, messages - held.length), redriven: 0 };
  const isWanted = (letter: DeadLetter) =>
    letter.reason !== UNREADABLE && (!reason || letter.reason === reason) && letter.sentAt >= since;
  try {
    if (reason && !report.reasons.some((each) => each.reason === reason)) {
      const known = report.reasons.map((each) => each.reason).join(', ') || 'none at all';
      throw new CommandError(`No dead letter has the reason ${reason}. There are: ${known}.`);
    }
    if (options.dryRun) return report;
    if (options.canMove && !reason && !since && report.unreadable.length === 0) {
      await release(sqs, deadLetters, held.splice(0));
      return { ...report, redriven: await moveAll(sqs, arn, (await describeQueue(sqs, queue)).arn) };
    }
    let wanted = takeOut(held, isWanted);
    while (wanted.length > 0) {
      for (const letter of wanted) await putBack(sqs, letter, { queue, deadLetters });
      report.redriven += wanted.length;
      // Those that were behind them can be seen now.
      held.push(...(await holdDeadLetters(sqs, deadLetters)));
      wanted = takeOut(held, isWanted);
    }
    return report;
  } finally {
    await release(sqs, deadLetters, held);
  }
}

function takeOut(held: DeadLetter[], isWanted: (letter: DeadLetter) => boolean): DeadLetter[] {
  const wanted = held.filter(isWanted);
  held.splice(0, held.length, ...held.filter((letter) => !isWanted(letter)));
  return wanted;
}

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

/** Has SQS move all of them. @returns how many it has moved. */
async function moveAll(sqs: SQSClient, SourceArn: string, DestinationArn: string): Promise<number> {
  await sqs.send(new StartMessageMoveTaskCommand({ SourceArn, DestinationArn }));
  for (;;) {
    const { Results: [task] = [] } = await sqs.send(
      new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 1 }),
    );
    if (task?.Status === 'COMPLETED') return Number(task.ApproximateNumberOfMessagesMoved ?? 0);
    if (task?.Status === 'FAILED' || task?.Status === 'CANCELLED')
      throw new CommandError(
        `SQS has stopped moving the dead letters (${task.FailureReason ?? task.Status}). Run it again.`,
      );
    await sleep(FOLLOW_MS);
  }
}
