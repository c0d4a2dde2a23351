import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EventBridge, startEventBridge } from '../emulators/event-bridge.ts';
import { compileEventPattern } from '../event-sources/event-pattern.ts';

const BUS = 'arn:aws:events:us-east-1:000000000000:event-bus/crm';
let server: EventBridge;
let client: EventBridgeClient;
const delivered: unknown[] = [];

beforeAll(async () => {
  server = await startEventBridge();
  server.buses.set(BUS, [
    {
      passes: compileEventPattern('{"source": ["user-sync"], "detail": {"source": ["/user-sync/a"]}}'),
      deliver: async (event) => void delivered.push(event),
    },
  ]);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  client = new EventBridgeClient({
    region: 'us-east-1',
    endpoint: server.endpoint,
    credentials,
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

const entry = (detail: object, more: object = {}) => ({
  EventBusName: BUS,
  Source: 'user-sync',
  DetailType: 'test',
  Detail: JSON.stringify(detail),
  ...more,
});

describe('EventBridge', () => {
  it('delivers an event to the targets of the rules that it matches', async () => {
    const { Entries, FailedEntryCount } = await client.send(
      new PutEventsCommand({
        Entries: [entry({ source: '/user-sync/a' }), entry({ source: '/user-sync/b' })],
      }),
    );
    expect(FailedEntryCount).toBe(0);
    expect(Entries?.every(({ EventId }) => EventId)).toBe(true);
    await expect.poll(() => server.idle()).toBe(true);
    expect(delivered).toEqual([
      { source: 'user-sync', 'detail-type': 'test', detail: { source: '/user-sync/a' } },
    ]);
  });

  it('fails the entries of a bus that does not exist, and no others', async () => {
    const Entries = [entry({}), entry({}, { EventBusName: 'other' })];
    const answer = await client.send(new PutEventsCommand({ Entries }));
    expect(answer).toMatchObject({ FailedEntryCount: 1, Entries: [{}, { ErrorCode: 'InvalidArgument' }] });
  });

  it('refuses entries that are too large', async () => {
    const Entries = [entry({ text: 'x'.repeat(300_000) })];
    await expect(client.send(new PutEventsCommand({ Entries }))).rejects.toThrow(/over the limit/);
  });
});
