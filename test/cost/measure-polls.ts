import { SQSClient } from '@aws-sdk/client-sqs';
import { sendPoll } from '../../shared/polls/send-poll.ts';
import type { PollMessage } from '../../shared/sync/message.ts';
import { type SimulatedSystem, startSimulatedSystem } from '../demo/simulated-system.ts';
import {
  type CallbackReceiver,
  signingSecretOf,
  startCallbackReceiver,
} from '../support/callback-receiver.ts';
import { countingProxy } from './counting-proxy.ts';
import { metricsIn, type Reading, readMeters, usedBetween } from './meter.ts';
import { nameOf } from './name-of.ts';
import { sumOf, type Usage } from './prices.ts';
import { type Counts, monthlyUsageOf } from './scenarios.ts';

export interface PollOptions {
  /** Contacts of the CRM, which belong to none of the app's users. */
  contacts: number;
  /** Contacts that a person changes before the poll of changes. */
  changed: number;
}

const SETTLE_MS = 5 * 60_000;
/** Contacts that are added to the simulator at a time. */
const PART = 1000;

/**
 * Counts the usage of the polls of a system with the setting `events`, and of a callback that gets the events.
 *
 * @param others the monthly usage and the metrics of a system without polls, which are not counted again.
 * @throws Error when the callback did not get one event for each change, because the counts are meaningless then.
 */
export async function measurePolls(
  { contacts, changed }: PollOptions,
  others: { monthly: Usage; metrics: ReadonlySet<string> },
): Promise<Counts['polls']> {
  const proxy = countingProxy();
  let running: SimulatedSystem | undefined;
  let callback: CallbackReceiver | undefined;
  try {
    callback = await startCallbackReceiver(signingSecretOf(() => running?.system.cloud));
    running = await startSimulatedSystem({
      // With a delay, only a later poll would see the changes.
      simulator: ['--search-delay', '0'],
      settings: { events: { callback: { url: 'http://127.0.0.1:1/' } } },
      cloud: { functionEnvironment: proxy.between, variables: { CALLBACK_URL: callback.url } },
    });
    const { system, controlApi } = running;
    const { cloud } = system;
    const sqs = new SQSClient(cloud.sdk('SQS'));
    const pollOnce = async (poll: PollMessage['poll']): Promise<Reading> => {
      const scheduledAt = new Date().toISOString();
      const message = { version: 1, kind: 'poll-crm', poll, scheduledAt } as const;
      await sendPoll(sqs, cloud.outputs['QueueUrl'] ?? '', message);
      await cloud.untilIdle(SETTLE_MS);
      return readMeters(system, proxy);
    };
    const ids: number[] = [];
    for (let from = 0; from < contacts; from += PART) {
      const part = Array.from({ length: Math.min(PART, contacts - from) }, (_, index) => ({
        values: { given_name: 'Ann', 'email_addresses.EMAIL1': `stranger${from + index}@example.com` },
      }));
      ids.push(...(await controlApi.addContacts(part)).map(({ id }) => id));
    }
    // The first polls only record the state of the account.
    for (const poll of ['listing', 'opt-outs', 'changes'] as const) await pollOnce(poll);

    const before = await pollOnce('changes');
    const afterChanges = await pollOnce('changes');
    const afterOptOuts = await pollOnce('opt-outs');
    const afterListing = await pollOnce('listing');
    for (const id of ids.slice(0, changed)) await controlApi.edit(id, { values: { job_title: 'Coach' } });
    const afterChanged = await pollOnce('changes');
    const events = new Set(callback.events.map(({ id }) => id)).size;
    if (events !== changed) throw new Error(`The callback got ${events} events about ${changed} changes`);
    await cloud.invoke(nameOf(cloud, 'CheckHealth'), {});
    await cloud.untilIdle(SETTLE_MS);
    const { Resources } = await system.template();
    const metrics = [...metricsIn(system.logs)].filter((name) => !others.metrics.has(name));
    const monthly = monthlyUsageOf(Resources, (others.monthly.metricMonths ?? 0) + metrics.length);
    return {
      contacts,
      events,
      changes: usedBetween(before.usage, afterChanges.usage),
      optOuts: usedBetween(afterChanges.usage, afterOptOuts.usage),
      listing: usedBetween(afterOptOuts.usage, afterListing.usage),
      // SQS bills the message that EventBridge sends for each event, too.
      changed: sumOf(usedBetween(afterListing.usage, afterChanged.usage), {
        busEvents: events,
        sqsRequests: events,
      }),
      monthly: usedBetween(others.monthly, monthly),
    };
  } finally {
    callback?.stop();
    await running?.stop();
    await proxy.stop();
  }
}
