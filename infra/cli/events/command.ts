import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { sendPoll } from '../../../shared/polls/send-poll.ts';
import { type EventLog, eventStore } from '../../../shared/store/event-store.ts';
import { postponedStore } from '../../../shared/store/postponed-store.ts';
import { createCommand } from '../create-command.ts';
import { CommandError, UsageError } from '../support/command-error.ts';
import { connect, type Outputs } from '../support/connect.ts';
import { integer, timestamp } from '../support/option-parsers.ts';
import { quotaSettingsFrom } from '../support/quota-report.ts';
import { OutputClosedError, outputTo } from '../support/write-out.ts';
import { redriveEvents } from './redrive-events.ts';
import { eventLine, eventsReport, reportText } from './report.ts';
import { pollSettingsSchema, requestsReport, requestsText, sizesOf } from './requests-a-day.ts';

const TAIL_EVERY_MS = 2000;

export default createCommand({
  metadata: {
    description:
      'Shows up to when changes in the CRM were read, and the last events. Can also publish changes again, and send events again that the callback did not accept.',
    examples: [
      ['events', 'up to when changes were read, counts, the last events'],
      ['events --tail', 'events as they are published'],
      ['events --replay --since 2027-01-01', 'publish again what changed since then'],
      ['events --redrive', 'send events again that the callback did not accept for a day'],
      ['events --requests', 'requests to the CRM that the polls make in a day'],
      ['events --requests --contacts 250000 --items 50000', 'the same for another account'],
    ],
  },
  target: 'system',
  options: {
    tail: {
      description:
        'show events as they are published, at most the last 20 of every two seconds, until interrupted',
    },
    replay: { description: 'read again what changed in the CRM since a time, and publish it again' },
    since: { value: 'time', description: 'for --replay (ISO 8601)', parse: timestamp },
    redrive: { description: 'move dead letters of the callback back into its queue' },
    requests: { description: 'calculate the requests to the CRM that the polls make in a day' },
    contacts: {
      value: 'number',
      description: 'for --requests: contacts in the account; 60,000 by default',
      parse: integer(0),
    },
    optOuts: {
      value: 'number',
      description: 'for --requests: addresses that get no marketing; a tenth of the contacts by default',
      parse: integer(0),
    },
    changes: {
      value: 'number',
      description:
        'for --requests: contacts that change, and tags that are applied, in a day; 600 by default',
      parse: integer(0),
    },
    items: {
      value: 'number',
      description: 'for --requests: items of each resource; 20,000 by default',
      parse: integer(0),
    },
    newItems: {
      value: 'number',
      description: 'for --requests: new items of each resource in a day; 200 by default',
      parse: integer(0),
    },
  },
  async handler({
    options: {
      tail,
      replay,
      since,
      redrive,
      requests,
      contacts,
      optOuts,
      changes,
      items,
      newItems,
      ...options
    },
    print,
  }) {
    if (replay !== (since !== undefined)) throw new UsageError('--replay and --since belong together.');
    if (since !== undefined && since > Date.now()) throw new UsageError('--since must be in the past.');
    if ([tail, replay, redrive, requests].filter(Boolean).length > 1)
      throw new UsageError('--tail, --replay, --redrive and --requests cannot be used together.');
    if (!requests && [contacts, optOuts, changes, items, newItems].some((size) => size !== undefined))
      throw new UsageError(
        '--contacts, --opt-outs, --changes, --items and --new-items belong to --requests.',
      );
    const outputs = await connect(options);
    if (outputs.get('EventBusArn') === 'off')
      throw new CommandError(
        'Events are off. Add the setting "events" to cdk.json, and deploy (docs/events.md).',
      );
    const settings = pollSettingsSchema.parse(JSON.parse(outputs.get('EventSettings')));
    if (requests) {
      const sizes = sizesOf({ contacts, optOuts, changes, items, newItems });
      const report = requestsReport(settings, sizes, quotaSettingsFrom(outputs.get('QuotaSettings')));
      return print(report, () => requestsText(report));
    }
    const table = outputs.get('SyncTableName');
    const dynamodb = new DynamoDBClient();
    const sqs = new SQSClient();
    const store = eventStore(dynamodb, table);
    if (redrive) {
      const moved = await redriveEvents(sqs, callbackOf(outputs));
      return print({ moved }, () => `${moved} events moved back into the queue of the callback.\n`);
    }
    if (since !== undefined) {
      if ((await store.readListing()).baselineAt === undefined)
        throw new CommandError(
          'Events have not begun: the first full listing is not complete. Run this again then.',
        );
      const scheduledAt = new Date().toISOString();
      const message = { scheduledAt, since: new Date(since).toISOString() };
      await sendPoll(sqs, outputs.get('QueueUrl'), {
        version: 1,
        kind: 'poll-crm',
        poll: 'replay',
        ...message,
      });
      return print(message, () => `A replay of what changed since ${message.since} is in the queue.\n`);
    }
    if (tail)
      return followLog(store, options.json).catch((error: unknown) => {
        if (!(error instanceof OutputClosedError)) throw error;
      });
    const queues = outputs.get('CallbackQueueUrl') === 'off' ? undefined : callbackOf(outputs);
    const report = await eventsReport({
      store,
      postponed: postponedStore(dynamodb, table),
      sqs,
      queues,
      resources: settings.resources,
      now: Date.now(),
    });
    print(report, () => reportText(report));
  },
});

/** @throws CommandError if the stack has no callback. */
function callbackOf(outputs: Outputs): { queueUrl: string; deadLetterQueueUrl: string } {
  const queueUrl = outputs.get('CallbackQueueUrl');
  if (queueUrl === 'off') throw new CommandError('The stack has no callback (setting "events.callback").');
  return { queueUrl, deadLetterQueueUrl: outputs.get('CallbackDeadLetterQueueUrl') };
}

/** Shows events until interrupted, or until nobody reads the output. @param asJson prints each as a line of JSON. */
async function followLog(store: { readLog(): Promise<EventLog> }, asJson: boolean): Promise<void> {
  const write = outputTo(process.stdout);
  const shown = new Set((await store.readLog()).recent.map(({ id }) => id));
  for (;;) {
    const { recent } = await store.readLog();
    for (const event of recent.toReversed()) {
      if (shown.has(event.id)) continue;
      shown.add(event.id);
      await write(`${asJson ? JSON.stringify(event) : eventLine(event)}\n`);
    }
    await sleep(TAIL_EVERY_MS);
  }
}
