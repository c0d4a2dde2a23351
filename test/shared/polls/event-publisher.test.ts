import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { cloudEvent } from '../../../shared/events/cloud-event.ts';
import { eventBridgePublisher } from '../../../shared/polls/event-publisher.ts';
import { PUBLISH_RETRY } from '../../../shared/quota/retry-policy.ts';
import { CloudError } from '../../../shared/sync/errors.ts';

const mock = mockClient(EventBridgeClient);
beforeEach(() => mock.reset());
const publisher = eventBridgePublisher(new EventBridgeClient({ region: 'eu-west-1' }), 'bus');
const eventsOf = (count: number) =>
  Array.from({ length: count }, (_, contactId) =>
    cloudEvent(
      { kind: 'contact.deleted', state: [contactId], userId: undefined, time: 0, data: { contactId } },
      '/user-sync/test',
    ),
  );
const accept = ({ Entries = [] }: { Entries?: unknown[] | undefined }, fails = (_: number) => false) => ({
  Entries: Entries.map((_, index) =>
    fails(index) ? { ErrorCode: 'ThrottlingException' } : { EventId: String(index) },
  ),
});

describe('publish', () => {
  it('sends events in tens, with their type and the whole event as detail', async () => {
    mock.on(PutEventsCommand).callsFake((input) => accept(input));
    const events = eventsOf(23);
    await publisher.publish(events);
    const calls = mock.commandCalls(PutEventsCommand).map(({ args }) => args[0].input.Entries ?? []);
    expect(calls.map(({ length }) => length)).toEqual([10, 10, 3]);
    expect(calls.flat().map(({ Detail }) => JSON.parse(Detail ?? ''))).toEqual(events);
    expect(calls[0]?.[0]).toMatchObject({
      EventBusName: 'bus',
      Source: 'user-sync',
      DetailType: 'crm.contact.deleted.v1',
    });
  });

  it('sends those again that the bus did not accept, and no others', async () => {
    mock
      .on(PutEventsCommand)
      .callsFakeOnce((input) => accept(input, (index) => index === 1))
      .callsFake((input) => accept(input));
    const events = eventsOf(3);
    await publisher.publish(events);
    const [, second] = mock.commandCalls(PutEventsCommand).map(({ args }) => args[0].input.Entries ?? []);
    expect(second?.map(({ Detail }) => JSON.parse(Detail ?? '').id)).toEqual([events[1]?.id]);
  });

  it('fails if the bus never accepts all of them, or does not answer', async () => {
    mock.on(PutEventsCommand).callsFake((input) => accept(input, (index) => index === 0));
    await expect(publisher.publish(eventsOf(2))).rejects.toThrow(CloudError);
    expect(mock.commandCalls(PutEventsCommand)).toHaveLength(PUBLISH_RETRY.attempts);
    mock.on(PutEventsCommand).rejects(new Error('ECONNRESET'));
    await expect(publisher.publish(eventsOf(1))).rejects.toThrow(CloudError);
  });

  it('sends nothing for no events', async () => {
    await publisher.publish([]);
    expect(mock.commandCalls(PutEventsCommand)).toHaveLength(0);
  });
});
