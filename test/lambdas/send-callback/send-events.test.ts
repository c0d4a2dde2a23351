import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import { signedCallback } from '../../../lambdas/send-callback/callback.ts';
import { sendEvents } from '../../../lambdas/send-callback/send-events.ts';
import { CALLBACK_RETRY } from '../../../shared/quota/retry-policy.ts';

const SECRET = Buffer.alloc(33, 7).toString('base64');
const HOUR_MS = 3_600_000;
const event = (id: string) =>
  JSON.stringify({
    specversion: '1.0',
    id,
    source: '/user-sync/test',
    type: 'crm.contact.deleted.v1',
    time: '2026-06-15T12:00:00.000Z',
    datacontenttype: 'application/json',
    data: { contactId: 7 },
  });
const recordOf = (body: string, attempt = 1) =>
  ({
    messageId: body,
    receiptHandle: 'r',
    body,
    attributes: { ApproximateReceiveCount: String(attempt) },
  }) as SQSRecord;

/** A real HTTP server that verifies signatures. */
async function receiver(answer: () => number = () => 200) {
  const received: { id: string; isGenuine: boolean }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    let isGenuine = true;
    try {
      new Webhook(SECRET).verify(body, request.headers as Record<string, string>);
    } catch {
      isGenuine = false;
    }
    received.push({ id: String(request.headers['webhook-id']), isGenuine });
    response.writeHead(isGenuine ? answer() : 401).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`, received };
}
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const send = async (url: string, records: SQSRecord[], { secret = SECRET, now = Date.now } = {}) => {
  const hidden: number[] = [];
  const results: string[] = [];
  const { batchItemFailures } = await sendEvents(records, {
    callback: signedCallback({ url, secret: async () => secret, now }),
    hide: async (_, seconds) => void hidden.push(seconds),
    metrics: { countEvent: (result) => void results.push(result) },
    logger: new Logger({ logLevel: 'SILENT' }),
  });
  return { kept: batchItemFailures.map(({ itemIdentifier }) => itemIdentifier), hidden, results };
};

describe('an event', () => {
  it('reaches a receiver that verifies its signature', async () => {
    const { url, received } = await receiver();
    const result = await send(url, [recordOf(event('e1')), recordOf(event('e2'))]);
    expect(result).toEqual({ kept: [], hidden: [], results: ['delivered', 'delivered'] });
    expect(received).toEqual([
      { id: 'e1', isGenuine: true },
      { id: 'e2', isGenuine: true },
    ]);
  });

  it('is refused if it is signed with another secret, or long ago', async () => {
    const { url, received } = await receiver();
    const forged = await send(url, [recordOf(event('e1'))], {
      secret: Buffer.alloc(33, 8).toString('base64'),
    });
    expect(forged.kept).toHaveLength(1);
    const old = await send(url, [recordOf(event('e1'))], { now: () => Date.now() - HOUR_MS });
    expect(old.kept).toHaveLength(1);
    expect(received.map(({ isGenuine }) => isGenuine)).toEqual([false, false]);
  });

  it.each([301, 400, 410, 429, 500])('stays in the queue if the callback answers %i', async (status) => {
    const { url } = await receiver(() => status);
    expect(await send(url, [recordOf(event('e1'), 2)])).toEqual({
      kept: [event('e1')],
      hidden: [30],
      results: ['failed'],
    });
  });

  it('stays in the queue if there is no answer', async () => {
    const { kept } = await send('http://127.0.0.1:1/', [recordOf(event('e1'))]);
    expect(kept).toHaveLength(1);
  });

  it.each(['{"not": "an event"}', 'not JSON'])(
    'of which the body is %s stays alone in the queue',
    async (body) => {
      const { url, received } = await receiver();
      const { kept } = await send(url, [recordOf(body), recordOf(event('e2'))]);
      expect(kept).toEqual([body]);
      expect(received).toEqual([{ id: 'e2', isGenuine: true }]);
    },
  );
});

it('retries last for a day', () => {
  const sum = CALLBACK_RETRY.delaysMs.reduce((total, delay) => total + delay, 0);
  expect(sum).toBeGreaterThan(24 * HOUR_MS);
});
