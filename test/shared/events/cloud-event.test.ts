import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { cloudEvent, type EventOf } from '../../../shared/events/cloud-event.ts';
import { cloudEventSchema, EVENT_KINDS, typeOf } from '../../../shared/events/event-types.ts';

const applied: EventOf<'tag.applied'> = {
  kind: 'tag.applied',
  state: [7, 3],
  userId: 'ann',
  time: Date.parse('2026-06-15T12:00:00Z'),
  data: { contactId: 7, tagId: 3, tagName: 'Customer' },
};
const SOURCE = '/user-sync/user-sync';

describe('an event', () => {
  it('is a CloudEvent', () => {
    expect(cloudEvent(applied, SOURCE)).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[\w-]{32}$/),
      source: SOURCE,
      type: 'crm.tag.applied.v1',
      subject: 'ann',
      time: '2026-06-15T12:00:00.000Z',
      datacontenttype: 'application/json',
      data: { contactId: 7, tagId: 3, tagName: 'Customer' },
    });
  });

  it('has no subject if the contact is no user of the app', () => {
    expect(cloudEvent({ ...applied, userId: undefined }, SOURCE)).not.toHaveProperty('subject');
  });

  it('has the same id for the same state, whenever it is seen', () => {
    const { id } = cloudEvent(applied, SOURCE);
    expect(cloudEvent({ ...applied, time: 0, userId: undefined }, SOURCE).id).toBe(id);
    expect(cloudEvent({ ...applied, state: [7, 4] }, SOURCE).id).not.toBe(id);
    const removed = { ...applied, kind: 'tag.removed' } as unknown as EventOf<'tag.removed'>;
    expect(cloudEvent(removed, SOURCE).id).not.toBe(id);
    // Two accounts have contacts with the same id, and can share a receiver.
    expect(cloudEvent(applied, `${SOURCE}-2`).id).not.toBe(id);
  });
});

describe('docs/events/', () => {
  it.each(EVENT_KINDS)('has the JSON schema of %s (npm run docs writes it)', async (kind) => {
    const schema = {
      $id: `${typeOf(kind)}.json`,
      title: typeOf(kind),
      ...z.toJSONSchema(cloudEventSchema(kind)),
    };
    await expect(`${JSON.stringify(schema, undefined, 2)}\n`).toMatchFileSnapshot(
      `../../../docs/events/${typeOf(kind)}.json`,
    );
  });
});

it('docs/events.md and docs/event-resources.md say where each kind is seen', () => {
  const page = readFileSync('docs/events.md', 'utf8') + readFileSync('docs/event-resources.md', 'utf8');
  for (const kind of EVENT_KINDS) expect(page).toContain(`\`${typeOf(kind)}\``);
});
