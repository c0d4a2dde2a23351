import type { SQSClient } from '@aws-sdk/client-sqs';
import type { PolledName } from '../../../shared/events/event-types.ts';
import { listingKey } from '../../../shared/polls/item-list.ts';
import { polledResource } from '../../../shared/polls/polled-resource.ts';
import { countMessages } from '../../../shared/queue/count-messages.ts';
import type { EventLog, EventStore } from '../../../shared/store/event-store.ts';
import type { PostponedStore, Postponement } from '../../../shared/store/postponed-store.ts';
import { POLL_GROUP } from '../../../shared/sync/message.ts';
import { textTable } from '../support/text-table.ts';

interface PollStatus {
  poll: string;
  /** Everything up to this time was read, in ISO 8601; null where there is no watermark. */
  watermark: string | null;
  /** The schedule's time of the last complete poll, in ISO 8601; null before the first. */
  completedAt: string | null;
  /** Seconds since then. */
  lagSeconds: number | null;
  /** Whether a poll has begun and is not complete. */
  isRunning: boolean;
}

export interface EventsReport {
  /** When events began, in ISO 8601; null until the first full listing is complete. */
  baselineAt: string | null;
  polls: PollStatus[];
  counts: EventLog['counts'];
  recent: EventLog['recent'];
  /** Why and when polls last failed, if they have failed several times in a row. */
  failure: Postponement | null;
  /** Events that wait for the callback, and those that it did not accept for a day; null without a callback. */
  callback: { waiting: number; deadLetters: number } | null;
}

export interface EventsReportPorts {
  store: Pick<EventStore, 'readPoll' | 'readListing' | 'readOptOutListing' | 'readLog'>;
  postponed: Pick<PostponedStore, 'read'>;
  sqs: SQSClient;
  queues: { queueUrl: string; deadLetterQueueUrl: string } | undefined;
  /** Resources that are polled. */
  resources: readonly PolledName[];
  /** Epoch milliseconds. */
  now: number;
}

export async function eventsReport({
  store,
  postponed,
  sqs,
  queues,
  resources,
  now,
}: EventsReportPorts): Promise<EventsReport> {
  const [contacts, tags, optOuts, listing, log, failures] = await Promise.all([
    store.readPoll('contacts'),
    store.readPoll('tags'),
    store.readOptOutListing(),
    store.readListing(),
    store.readLog(),
    postponed.read([POLL_GROUP]),
  ]);
  const keys = resources.flatMap((name) => {
    const { date, isListed } = polledResource(name);
    return [...(date === undefined ? [] : [name]), ...(isListed ? [listingKey(name)] : [])];
  });
  const polled = await Promise.all(keys.map(async (key) => [key, await store.readPoll(key)] as const));
  const status = (
    poll: string,
    {
      completedAt,
      watermark,
      run,
    }: { completedAt?: string | undefined; watermark?: number; run?: unknown } = {},
  ): PollStatus => ({
    poll,
    watermark: watermark === undefined ? null : new Date(watermark).toISOString(),
    completedAt: completedAt ?? null,
    lagSeconds:
      completedAt === undefined ? null : Math.max(0, Math.round((now - Date.parse(completedAt)) / 1000)),
    isRunning: run !== undefined,
  });
  const waiting = async (url: string) => {
    const { visible, hidden, delayed } = await countMessages(sqs, url);
    return visible + hidden + delayed;
  };
  const polls = [
    status('contacts', contacts),
    status('tags', tags),
    status('opt-outs', optOuts),
    status('listing', listing),
    ...polled.map(([key, poll]) => status(key, poll)),
  ];
  const failure = failures.get(POLL_GROUP);
  // A poll is complete after it was scheduled, so later polls prove that an earlier failure is over.
  const isOver = polls.some(({ completedAt }) => failure && completedAt && completedAt > failure.at);
  return {
    baselineAt: listing.baselineAt ?? null,
    polls,
    ...log,
    failure: failure && !isOver ? failure : null,
    callback: queues
      ? { waiting: await waiting(queues.queueUrl), deadLetters: await waiting(queues.deadLetterQueueUrl) }
      : null,
  };
}

export const eventLine = ({
  time,
  type,
  subject,
  contactId,
  itemId,
  id,
}: EventLog['recent'][number]): string =>
  [
    time,
    type,
    itemId === undefined ? '' : `item ${itemId}`,
    contactId === undefined ? '' : `contact ${contactId}`,
    subject === undefined ? '' : `user ${subject}`,
    id,
  ]
    .filter(Boolean)
    .join('  ');

export function reportText({ baselineAt, polls, counts, recent, failure, callback }: EventsReport): string {
  const rows = polls.map(({ poll, watermark, completedAt, lagSeconds, isRunning }) => [
    poll,
    watermark ?? '–',
    completedAt === null ? 'never' : `${lagSeconds} s ago`,
    isRunning ? 'running' : '',
  ]);
  const kinds = Object.entries(counts)
    .sort()
    .map(([type, count]) => [type, String(count)]);
  return [
    baselineAt === null
      ? 'No events yet: they begin when the first full listing is complete.\n\n'
      : `Events since ${baselineAt}\n\n`,
    textTable(['poll', 'read up to', 'last complete', ''], rows, []),
    failure ? `\n✗ Polls fail, last at ${failure.at}: ${failure.reason}\n` : '',
    kinds.length > 0 ? `\n${textTable(['event', 'count'], kinds, [1])}` : '\nNo events so far.\n',
    recent.length > 0 ? `\nLast events\n${recent.map((event) => `  ${eventLine(event)}\n`).join('')}` : '',
    callback ? `\nCallback: ${callback.waiting} waiting, ${callback.deadLetters} dead letters\n` : '',
  ].join('');
}
