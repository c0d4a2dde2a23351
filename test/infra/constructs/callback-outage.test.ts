import { Logger } from '@aws-lambda-powertools/logger';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { redriveEvents } from '../../../infra/cli/events/redrive-events.ts';
import { signedCallback } from '../../../lambdas/send-callback/callback.ts';
import { sendEvents } from '../../../lambdas/send-callback/send-events.ts';
import { clientOf, StandardQueue } from '../../support/standard-queue.ts';
import { properties, readable, templateWith } from '../../support/template-with.ts';

/*
 * An outage of the callback on a simulated clock: the queues of the synthesized template, with the sender behind them.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SECRET = Buffer.alloc(33, 7).toString('base64');
/** Most events of a batch (AWS Lambda, "Using Lambda with Amazon SQS"). */
const BATCH = 10;

const TEMPLATE = templateWith({ events: { callback: { url: 'https://app.example.com/events' } } });

/** The settings of a queue in the template. */
function settingsOf(id: string) {
  const queue = properties(TEMPLATE, 'AWS::SQS::Queue', id);
  const redrive = queue['RedrivePolicy'] as
    | { deadLetterTargetArn: unknown; maxReceiveCount: number }
    | undefined;
  return {
    visibilityMs: Number(queue['VisibilityTimeout'] ?? 30) * 1000,
    retentionMs: Number(queue['MessageRetentionPeriod']) * 1000,
    maxReceiveCount: redrive?.maxReceiveCount ?? 0,
    deadLettersTo: redrive && readable(redrive.deadLetterTargetArn),
  };
}

function callbackSystem({ isUp }: { isUp: (now: number) => boolean }) {
  let now = Date.parse('2026-12-31T20:00:00Z');
  const begin = now;
  const settings = settingsOf('CrmEventsCallbackQueue');
  expect(settings.deadLettersTo).toBe('CrmEventsCallbackDeadLetterQueue.Arn');
  const deadLetters = new StandardQueue(settingsOf('CrmEventsCallbackDeadLetterQueue'));
  const queue = new StandardQueue({
    ...settings,
    deadLetters: { queue: deadLetters, maxReceiveCount: settings.maxReceiveCount },
  });
  /** When each event was accepted, by its id. */
  const accepted = new Map<string, number[]>();
  let requests = 0;
  const callback = signedCallback({
    url: 'https://app.example.com/events',
    secret: async () => SECRET,
    now: () => now,
    fetch: async (_, init) => {
      requests++;
      if (!isUp(now - begin)) return new Response(null, { status: 503 });
      const headers = Object.fromEntries(new Headers(init?.headers));
      expect(Math.abs(now / 1000 - Number(headers['webhook-timestamp']))).toBeLessThan(60);
      expect(headers['webhook-signature']).toBe(
        new Webhook(SECRET).sign(headers['webhook-id'] ?? '', new Date(now), String(init?.body)),
      );
      const id = headers['webhook-id'] ?? '';
      accepted.set(id, [...(accepted.get(id) ?? []), now - begin]);
      return new Response(null, { status: 204 });
    },
  });
  const publish = (id: string) =>
    queue.send(
      JSON.stringify({
        specversion: '1.0',
        id,
        source: '/user-sync/test',
        type: 'crm.contact.deleted.v1',
        time: new Date(now).toISOString(),
        datacontenttype: 'application/json',
        data: { contactId: 7 },
      }),
      now,
    );
  async function deliver(canHide: boolean): Promise<void> {
    for (;;) {
      const records = queue.receive(now, BATCH);
      if (records.length === 0) return;
      const { batchItemFailures } = await sendEvents(records, {
        callback,
        hide: async ({ receiptHandle }, seconds) => {
          if (!canHide) throw new Error('SQS failed');
          queue.hide(receiptHandle, now + seconds * 1000);
        },
        metrics: { countEvent: () => {} },
        logger: new Logger({ logLevel: 'SILENT' }),
      });
      const kept = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { messageId } of records) if (!kept.has(messageId)) queue.delete(messageId);
    }
  }
  return {
    accepted,
    queue,
    deadLetters,
    requests: () => requests,
    /** Publishes events at times, and runs until a time, both in milliseconds from the beginning. */
    async run(times: readonly number[], untilMs: number, { canHide = true } = {}) {
      const due = times.map((at, index) => ({ at: begin + at, id: `e${index}` }));
      while (now < begin + untilMs) {
        for (const { id } of due.splice(0, due.filter(({ at }) => at <= now).length)) publish(id);
        await deliver(canHide);
        const next = Math.min(begin + untilMs, due[0]?.at ?? Number.POSITIVE_INFINITY, queue.nextAt);
        now = Math.max(now + 1, next);
      }
    },
    redrive: () =>
      redriveEvents(
        clientOf({ queue, 'dead-letters': deadLetters }, () => now),
        { queueUrl: 'queue', deadLetterQueueUrl: 'dead-letters' },
      ),
  };
}

/** An event every five minutes for six hours, and a burst. */
const TIMES = [
  ...Array.from({ length: 72 }, (_, index) => index * 5 * MINUTE_MS),
  ...Array<number>(200).fill(6 * HOUR_MS - 1),
];
const ids = TIMES.map((_, index) => `e${index}`).sort();

describe('a callback that is down for six hours', () => {
  it.each([
    ['', true],
    [' although the delays cannot be set', false],
  ])('gets each event once, within an hour after it is up%s', async (_, canHide) => {
    const system = callbackSystem({ isUp: (at) => at >= 6 * HOUR_MS });
    await system.run(TIMES, 8 * HOUR_MS, { canHide });
    const lost = ids.filter((id) => !system.accepted.has(id));
    // Without delays, the queue's own time-out is shorter, so the attempts end before the outage does.
    expect(lost).toHaveLength(canHide ? 0 : system.deadLetters.size);
    for (const times of system.accepted.values()) {
      expect(times).toHaveLength(1);
      expect(times[0]).toBeLessThanOrEqual(7 * HOUR_MS);
    }
    if (canHide) expect([system.queue.size, system.deadLetters.size]).toEqual([0, 0]);
    else {
      expect(await system.redrive()).toBe(lost.length);
      await system.run([], 9 * HOUR_MS);
      expect([...system.accepted.keys()].sort()).toEqual(ids);
    }
  });

  it('is asked rarely', async () => {
    const system = callbackSystem({ isUp: (at) => at >= 6 * HOUR_MS });
    await system.run([0], 8 * HOUR_MS);
    expect(system.requests()).toBeLessThanOrEqual(13);
  });
});

describe('a callback that is down for three days', () => {
  it('loses nothing: after a day, events are dead letters, which a person sends again', async () => {
    const system = callbackSystem({ isUp: (at) => at >= 3 * DAY_MS });
    await system.run(TIMES, DAY_MS - MINUTE_MS);
    expect(system.deadLetters.size).toBe(0);
    await system.run([], 3 * DAY_MS);
    expect([system.queue.size, system.deadLetters.size]).toEqual([0, TIMES.length]);
    expect(system.accepted.size).toBe(0);
    expect(await system.redrive()).toBe(TIMES.length);
    await system.run([], 3 * DAY_MS + HOUR_MS);
    expect([...system.accepted.keys()].sort()).toEqual(ids);
    expect(system.deadLetters.size).toBe(0);
  });

  it('keeps dead letters for two weeks', async () => {
    const system = callbackSystem({ isUp: () => false });
    await system.run([0], 13 * DAY_MS);
    expect(system.deadLetters.size).toBe(1);
    expect(settingsOf('CrmEventsCallbackDeadLetterQueue').retentionMs).toBe(14 * DAY_MS);
  });
});
