import { describe, expect, it } from 'vitest';
import type { CloudEvent, EventKind } from '../../../shared/events/event-types.ts';
import { managedTags } from '../../../shared/user/define-mapping.ts';
import { mapping } from '../../../shared/user/mapping.ts';
import { seededRandom } from '../../simulator/traffic/random.ts';
import { type Change, ManualChanges } from '../manual-changes.ts';

const STRANGER = 7;
const USERS_CONTACT = 9;

let events = 0;
const event = (kind: EventKind, data: Record<string, unknown>, subject?: string): CloudEvent => ({
  specversion: '1.0',
  id: String(++events),
  source: '/user-sync/test',
  type: `crm.${kind}.v1`,
  ...(subject !== undefined && { subject }),
  time: '2026-06-15T12:00:00Z',
  datacontenttype: 'application/json',
  data,
});
const eventOf = ({ kind, contactId }: Change) => event(kind, { contactId });

/** Everything that a person did to one stranger. */
function afterWork() {
  const random = seededRandom(1);
  const manualChanges = new ManualChanges([STRANGER]);
  const changes = Array.from({ length: 100 }, () => manualChanges.next(random)).filter(
    (change) => change !== undefined,
  );
  return { manualChanges, changes };
}
const findings = (
  manualChanges: ManualChanges,
  all: readonly CloudEvent[],
  emails: readonly string[] = [],
  isTakenOver = false,
) =>
  manualChanges.findings(all, mapping, {
    emailsOf: () => new Set(emails),
    usersOf: (email) => (email === 'shared@example.com' ? 2 : 1),
    userIdOf: () => undefined,
    isLost: () => false,
    isTakenOver: () => isTakenOver,
  });

describe('changes made by hand', () => {
  it('happen once each, and a contact that is deleted is not changed', () => {
    const manualChanges = new ManualChanges([1, 2, 3, 4, 5, 6]);
    const random = seededRandom(2);
    const changes = Array.from({ length: 300 }, () => manualChanges.next(random)).filter(
      (change) => change !== undefined,
    );
    const keys = changes.map(({ kind, contactId }) => `${kind} ${contactId}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { contactId } of changes.filter(({ kind }) => kind === 'contact.deleted'))
      expect(changes.filter((each) => each.contactId === contactId)).toHaveLength(1);
    expect(new Set(changes.map(({ kind }) => kind)).size).toBe(6);
  });

  it('have to arrive as one event each, which may be repeated', () => {
    const { manualChanges, changes } = afterWork();
    const all = changes.map(eventOf);
    expect(changes.length).toBeGreaterThan(0);
    expect(findings(manualChanges, [...all, ...all])).toEqual([]);
    expect(findings(manualChanges, all.slice(1))).toHaveLength(1);
    expect(findings(manualChanges, [...all, ...changes.slice(0, 1).map(eventOf)])).toHaveLength(1);
    expect(
      findings(manualChanges, [...all, event('contact.resubscribed', { contactId: STRANGER })]),
    ).toHaveLength(1);
  });
});

describe('an event about the contact of a user', () => {
  it('is explained if the contact was created, and another user took it over before it showed its user', () => {
    const created = event('contact.created', { contactId: USERS_CONTACT });
    expect(findings(new ManualChanges([STRANGER]), [created], [], true)).toEqual([]);
    expect(findings(new ManualChanges([STRANGER]), [created])).toHaveLength(1);
    const changed = event('contact.changed', { contactId: USERS_CONTACT });
    expect(findings(new ManualChanges([STRANGER]), [changed], [], true)).toHaveLength(1);
  });

  const [managed = ''] = managedTags(mapping);
  it.each([
    ['contact.changed', { fields: ['given_name'], values: {} }],
    ['contact.deleted', {}],
    ['contact.unsubscribed', { field: 'EMAIL1', status: 'MANUAL' }],
    ['tag.applied', { tagId: 1, tagName: managed }],
  ] as const)('is a finding: %s', (kind, data) => {
    expect(
      findings(new ManualChanges([]), [event(kind, { ...data, contactId: USERS_CONTACT }, 'ann')]),
    ).toHaveLength(1);
  });

  it('is not a finding if people changed the contact or opted out the user, or if nothing names its user', () => {
    const touched = new ManualChanges([]);
    touched.touched.add(USERS_CONTACT);
    const change = event('contact.changed', { contactId: USERS_CONTACT, fields: ['given_name'] }, 'ann');
    expect(findings(touched, [change])).toEqual([]);
    const facts = {
      emailsOf: () => new Set<string>(),
      usersOf: () => 0,
      userIdOf: () => 'ann',
      isLost: () => false,
      isTakenOver: () => false,
    };
    const isLost = (contactId: number) => contactId === USERS_CONTACT;
    expect(new ManualChanges([]).findings([change], mapping, { ...facts, isLost })).toEqual([]);
    const unrecorded = new ManualChanges([]);
    unrecorded.unrecorded.add('ann');
    const created = event('contact.created', { contactId: USERS_CONTACT, fields: ['given_name'] });
    expect(unrecorded.findings([change, created], mapping, facts)).toEqual([]);
    expect(new ManualChanges([]).findings([change, created], mapping, facts)).toHaveLength(2);
    const optedOut = new ManualChanges([]);
    optedOut.optedOut.add('ann@example.com');
    const status = event('contact.unsubscribed', { contactId: USERS_CONTACT, status: 'MANUAL' }, 'ann');
    expect(findings(optedOut, [status], ['ann@example.com'])).toEqual([]);
    expect(findings(optedOut, [status], ['bob@example.com'])).toHaveLength(1);
    // The sync may have opted it out for the other user who had it.
    expect(findings(optedOut, [status], ['shared@example.com'])).toEqual([]);
  });
});
