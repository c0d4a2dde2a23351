import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { type Polls, shown, startPolls } from '../../support/polls-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let polls: Polls;
beforeEach(async () => {
  polls = await startPolls();
});
afterEach(() => polls.crm.stop());

const ANN = {
  email: 'ann@example.com',
  firstName: 'Ann',
  lastName: 'Lee',
  phone: '+4915112345678',
  marketingOptIn: true,
};

/** A user and a stranger, both known. */
async function begin() {
  await polls.sync('ann', ANN);
  const [{ id: stranger = 0 } = {}] = await polls.addStrangers(1);
  expect(await polls.poll('listing')).toEqual([]);
  const contactId = polls.users.user('ann').crm?.contactId ?? 0;
  expect(contactId).toBeGreaterThan(0);
  return { contactId, stranger };
}

describe('the first listing', () => {
  it('makes no events, and neither does the next', async () => {
    await begin();
    expect(await polls.poll('listing')).toEqual([]);
    expect(await polls.poll('changes')).toEqual([]);
    expect(await polls.poll('opt-outs')).toEqual([]);
  });

  it('comes before the first poll of changes', async () => {
    await polls.addStrangers(3);
    expect(await polls.poll('changes')).toEqual([]);
    expect((await polls.store.readListing()).baselineAt).toBeDefined();
  });

  it('stores the status of each user’s address, and writes no other attribute', async () => {
    await begin();
    const { crm, ...attributes } = polls.users.user('ann');
    expect(crm?.emailStatus).toBe('SINGLE_OPT_IN');
    expect(attributes).toEqual({ userId: 'ann', ...ANN });
  });
});

describe('a custom field of the mapping that another environment has just created', () => {
  const refuse = (...refusedCreations: string[]) => polls.crm.admin.set('directory', { refusedCreations });

  it('makes no event when that environment writes it', async () => {
    await refuse('Program');
    const { contactId } = await begin();
    await refuse();
    const catalog = polls.crm.another();
    await catalog.newerThan(Date.now());
    polls.users.edit('ann', { progress: { program: 'Strength', week: 3, workoutsCompleted: 7 } });
    await consumerOf({ ...polls.crm, catalog }, polls.users, { now: polls.now }).receive(
      record(userMessage('ann')),
    );
    const contact = (await polls.crm.contacts()).find(({ id }) => id === contactId);
    expect(contact?.customFields).toMatchObject({ Program: 'Strength' });
    expect(await polls.poll('changes')).toEqual([]);
  });
});

describe('the probe contact of a detection of the array modes', () => {
  const PROBE = { given_name: 'Sync experiment', family_name: 'Safe to delete' };

  it('makes no event', async () => {
    await begin();
    const email = 'user-sync-probe-0f8fad5b-d9cb-469f-a165-70867728950e@example.com';
    await polls.crm.preload({ values: { ...PROBE, 'email_addresses.EMAIL1': email }, isNew: true });
    expect(await polls.poll('changes')).toEqual([]);
    expect(await polls.poll('listing')).toEqual([]);
  });

  it('is not taken for another contact with its name', async () => {
    await begin();
    const values = { ...PROBE, 'email_addresses.EMAIL1': 'safe@example.com' };
    const [{ id = 0 } = {}] = await polls.crm.preload({ values, isNew: true });
    expect(shown(await polls.poll('changes'))).toMatchObject([{ type: 'contact.created', contactId: id }]);
    await polls.crm.admin.removeContact(id);
    expect(shown(await polls.poll('listing'))).toEqual([{ type: 'contact.deleted', contactId: id }]);
  });
});

describe('a contact that the sync created before it was cut off', () => {
  it('makes no event, and neither do its values and tags; what people change does', async () => {
    await begin();
    const [{ id = 0 } = {}] = await polls.crm.preload({
      values: { given_name: 'Bob', 'email_addresses.EMAIL1': 'bob@example.com' },
      customFields: { 'App User Id': 'bob' },
      isNew: true,
    });
    expect(await polls.poll('changes')).toEqual([]);
    await polls.crm.admin.edit(id, { values: { given_name: 'Robert' }, addTags: ['App User'] });
    expect(await polls.poll('changes')).toEqual([]);
    await polls.crm.admin.edit(id, { values: { job_title: 'Coach' }, addTags: ['VIP'] });
    expect(shown(await polls.poll('changes'))).toMatchObject([
      { type: 'contact.changed', contactId: id, fields: ['job_title'] },
      { type: 'tag.applied', contactId: id, tagName: 'VIP' },
    ]);
  });
});

describe('a change that a person makes in the CRM', () => {
  it('of a field arrives with its name, and its value only if the mapping declares it', async () => {
    const { contactId, stranger } = await begin();
    await polls.crm.admin.edit(contactId, {
      values: { given_name: 'Anne', job_title: 'Coach' },
      customFields: { Shoe: '42' },
    });
    await polls.crm.admin.edit(stranger, { values: { given_name: '' } });
    expect(shown(await polls.poll('changes'))).toEqual([
      {
        type: 'contact.changed',
        subject: 'ann',
        contactId,
        fields: ['custom_fields.Shoe', 'given_name', 'job_title'],
        values: { given_name: 'Anne' },
      },
      { type: 'contact.changed', contactId: stranger, fields: ['given_name'], values: { given_name: null } },
    ]);
  });

  it('of tags arrives: additions by the next poll, removals by the next listing', async () => {
    const { contactId } = await begin();
    await polls.crm.admin.edit(contactId, { addTags: ['VIP'], removeTags: ['App User'] });
    const added = shown(await polls.poll('changes'));
    expect(added).toMatchObject([{ type: 'tag.applied', subject: 'ann', contactId, tagName: 'VIP' }]);
    expect(shown(await polls.poll('listing'))).toMatchObject([
      { type: 'tag.removed', subject: 'ann', contactId, tagName: 'App User' },
    ]);
    await polls.crm.admin.edit(contactId, { removeTags: ['VIP'] });
    expect(shown(await polls.poll('listing'))).toMatchObject([{ type: 'tag.removed', tagName: 'VIP' }]);
  });

  it('removal of the last tag is seen, whether the CRM then shows an empty list or none', async () => {
    for (const emptyTagIds of [true, false]) {
      await polls.crm.admin.set('answers', { emptyTagIds });
      const created = await polls.crm.preload(
        { values: { 'email_addresses.EMAIL1': `t${emptyTagIds}@example.com` }, tags: ['Lead'], isNew: true },
        { values: { 'email_addresses.EMAIL1': `u${emptyTagIds}@example.com` }, tags: ['Lead'], isNew: true },
      );
      await polls.poll('listing');
      await polls.crm.admin.edit(created[0]?.id ?? 0, { removeTags: ['Lead'] });
      expect(shown(await polls.poll('listing'))).toMatchObject([
        { type: 'tag.removed', contactId: created[0]?.id, tagName: 'Lead' },
      ]);
    }
  });

  it('an unsubscribe is on the row and in an event within the hour, and so is what comes after', async () => {
    const { contactId } = await begin();
    await polls.poll('opt-outs');
    for (const [status, type, written] of [
      ['ListUnsubscribe', 'contact.unsubscribed', 'LIST_UNSUBSCRIBE'],
      ['HardBounce', 'contact.bounced', 'HARD_BOUNCE'],
      ['DoubleOptin', 'contact.resubscribed', 'DOUBLE_OPT_IN'],
      ['Manual', 'contact.unsubscribed', 'MANUAL'],
    ] as const) {
      await polls.crm.admin.edit(contactId, { emailStatus: status });
      expect(shown(await polls.poll('opt-outs'))).toEqual([
        { type, subject: 'ann', contactId, field: 'EMAIL1', status: written },
      ]);
      expect(polls.users.user('ann').crm?.emailStatus).toBe(written);
    }
    expect(await polls.poll('opt-outs')).toEqual([]);
    expect(await polls.poll('listing')).toEqual([]);
  });

  it('opt-out of a contact that is no user’s is seen by the full listing', async () => {
    const { stranger } = await begin();
    await polls.crm.admin.edit(stranger, { emailStatus: 'Manual' });
    expect(await polls.poll('opt-outs')).toEqual([]);
    expect(shown(await polls.poll('listing'))).toMatchObject([
      { type: 'contact.unsubscribed', contactId: stranger, status: 'MANUAL' },
    ]);
  });

  it('creation arrives, with the tags of the new contact', async () => {
    await begin();
    const [created] = await polls.crm.preload({
      values: { 'email_addresses.EMAIL1': 'new@example.com', given_name: 'New' },
      tags: ['Lead'],
      isNew: true,
    });
    expect(shown(await polls.poll('changes'))).toMatchObject([
      {
        type: 'contact.created',
        contactId: created?.id,
        fields: ['EMAIL1', 'given_name'],
        values: { given_name: 'New' },
      },
      { type: 'tag.applied', contactId: created?.id, tagName: 'Lead' },
    ]);
    expect(await polls.poll('listing')).toEqual([]);
  });

  it('deletion and merge arrive by the next listing', async () => {
    const { contactId, stranger } = await begin();
    await polls.crm.admin.merge(stranger, contactId, 'into');
    const events = shown(await polls.poll('listing'));
    expect(events).toContainEqual({ type: 'contact.deleted', contactId: stranger });
    await polls.crm.admin.removeContact(contactId);
    expect(shown(await polls.poll('listing'))).toEqual([
      { type: 'contact.deleted', subject: 'ann', contactId },
    ]);
    expect(await polls.poll('listing')).toEqual([]);
  });

  it('makes a second event when the same happens again', async () => {
    const { stranger } = await begin();
    const ids = new Set<string>();
    for (let times = 0; times < 2; times++) {
      for (const given_name of ['A', 'B']) {
        await polls.crm.admin.edit(stranger, { values: { given_name } });
        for (const { id } of await polls.poll('changes')) ids.add(id);
      }
    }
    expect(ids.size).toBe(4);
  });
});

describe('what the sync itself writes makes no event', () => {
  const silent = async () => {
    const events = [
      ...(await polls.poll('changes')),
      ...(await polls.poll('opt-outs')),
      ...(await polls.poll('listing')),
    ];
    expect(shown(events)).toEqual([]);
  };

  it('when it creates, changes, tags and retires contacts', async () => {
    await begin();
    await polls.sync('bob', {
      email: 'bob@example.com',
      subscription: { status: 'trial' },
      locale: 'de-DE',
      phone: '0151 1234567',
    });
    await silent();
    await polls.sync('bob', {
      email: 'bobby@example.com',
      firstName: 'Bob',
      subscription: { status: 'active' },
      progress: { program: 'Core', week: 3 },
    });
    await silent();
    await polls.sync('bob', { progress: undefined, subscription: { status: 'cancelled' } });
    await silent();
    polls.users.rows.delete('bob');
    await polls.sync('ann', { firstName: 'Anna' });
    await silent();
  });

  it('but an opt-out by staff makes one', async () => {
    await polls.sync('bob', { email: 'bob@example.com', marketingOptIn: true });
    await begin();
    await polls.crm.admin.edit(polls.users.user('bob').crm?.contactId ?? 0, { emailStatus: 'Manual' });
    expect(shown(await polls.poll('opt-outs'))).toMatchObject([{ type: 'contact.unsubscribed' }]);
    await polls.sync('bob', { marketingOptIn: true });
    await silent();
  });

  it('when it carries out that a person consents, and no longer does', async () => {
    await polls.sync('bob', { email: 'bob@example.com' });
    await begin();
    await polls.sync('bob', { marketingOptIn: true });
    await silent();
    expect(polls.users.user('bob').crm?.emailStatus).toBe('SINGLE_OPT_IN');
    await polls.sync('bob', { marketingOptIn: false });
    await silent();
    expect(polls.users.user('bob').crm?.emailStatus).toBe('MANUAL');
  });

  it('and a person who types the same value makes none either', async () => {
    const { contactId } = await begin();
    await polls.crm.admin.edit(contactId, { values: { given_name: 'Anne' } });
    expect(await polls.poll('changes')).toHaveLength(1);
    await polls.crm.admin.edit(contactId, { values: { given_name: 'Ann' } });
    await silent();
  });
});

describe('a replay', () => {
  it('includes a contact that the sync is working on', async () => {
    const { contactId } = await begin();
    const since = new Date(polls.now()).toISOString();
    await polls.crm.admin.edit(contactId, { values: { job_title: 'Coach' } });
    await polls.poll('changes');
    const lease = {
      environment: 'other',
      invocation: 1,
      until: new Date(polls.now() + 3_600_000).toISOString(),
    };
    polls.users.edit('ann', { crm: { ...polls.users.user('ann').crm, lease } });
    expect(shown(await polls.poll('replay', { since }))).toMatchObject([
      { type: 'contact.changed', contactId, fields: expect.arrayContaining(['job_title']) },
    ]);
  });

  it('leaves out what changed before that time', async () => {
    const { contactId } = await begin();
    await polls.crm.admin.edit(contactId, { values: { job_title: 'Coach' } });
    expect(await polls.poll('changes')).toHaveLength(1);
    const since = new Date(polls.now()).toISOString();
    expect(await polls.poll('replay', { since })).toEqual([]);
  });

  it('publishes what changed since a time once more, with ids of its own', async () => {
    const { contactId, stranger } = await begin();
    const since = new Date(polls.now()).toISOString();
    await polls.crm.admin.edit(contactId, { values: { job_title: 'Coach' }, addTags: ['VIP'] });
    const first = await polls.poll('changes');
    const again = await polls.poll('replay', { since });
    expect(shown(again)).toMatchObject([
      { type: 'contact.changed', contactId, fields: expect.arrayContaining(['job_title']) },
      { type: 'tag.applied', contactId, tagName: 'VIP' },
    ]);
    expect(first.map(({ id }) => id)).not.toContain(again[0]?.id);
    expect(shown(again).some((event) => 'contactId' in event && event.contactId === stranger)).toBe(false);
    expect(await polls.poll('replay', { since })).toHaveLength(again.length);
    expect(await polls.poll('changes')).toEqual([]);
  });
});
