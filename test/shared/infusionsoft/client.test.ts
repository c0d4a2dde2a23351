import { afterEach, describe, expect, it } from 'vitest';
import { infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { NotFoundError, UncertainError } from '../../../shared/infusionsoft/http/failures.ts';
import { OutOfTimeError, RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import type { SimulatorOptions } from '../../simulator/simulator.ts';
import { startCrm } from '../../support/crm-under-test.ts';

let crm: Awaited<ReturnType<typeof startCrm>> | undefined;
afterEach(async () => {
  await crm?.stop();
  crm = undefined;
});

async function start(options: SimulatorOptions = {}) {
  crm = await startCrm({ isServer: true, ...options });
  return crm;
}

/** A client whose requests get these answers, one after the other. */
function answering(...answers: (() => Response)[]) {
  let requests = 0;
  const fetch = async () => {
    const answer = answers[Math.min(requests, answers.length - 1)];
    requests++;
    if (!answer) throw new Error('No answer');
    return answer();
  };
  return { client: infusionsoftClient({ url: 'http://crm.local', fetch }), requests: () => requests };
}

type Client = ReturnType<typeof infusionsoftClient>;
const ANN = { email_addresses: [{ field: 'EMAIL1' as const, email: 'ann@example.com' }] };

describe('the client', () => {
  it('fails with the answer that it got when no time is left for a retry', async () => {
    const outOfTime = (): Response => {
      throw new OutOfTimeError('The invocation ends too soon for another request', { afterMs: 0 });
    };
    const failed = () => new Response('', { status: 503 });
    const { client, requests } = answering(failed, outOfTime);
    await expect(client.listContacts({ afterId: 0 })).rejects.toThrow('The CRM failed (503)');
    expect(requests()).toBe(2);
    await expect(answering(outOfTime).client.listContacts({ afterId: 0 })).rejects.toThrow(OutOfTimeError);
  });

  it('says that a write may still be running when its retry is not made', async () => {
    const notMade = (): Response => {
      throw new RetryableError('The CRM is down');
    };
    const broken = (): Response => {
      throw new TypeError('fetch failed');
    };
    const write = (...answers: (() => Response)[]) => answering(...answers).client.deleteContact(1);
    await expect(write(broken, notMade)).rejects.toThrow(UncertainError);
    await expect(write(notMade)).rejects.toThrow('The CRM is down');
    // A spike arrest had no effect.
    const refused = () =>
      Response.json(
        { fault: { detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' } } },
        { status: 429 },
      );
    await expect(write(refused, notMade)).rejects.toThrow('The CRM is down');
  });

  it('creates a contact once, and updates it by its email', async () => {
    const { client } = await start();
    const first = await client.upsertContact(ANN);
    expect(first.tag_ids).toEqual([]);
    expect((await client.upsertContact({ ...ANN, given_name: 'Ann' })).id).toBe(first.id);
  });

  it.each(['object', 'entries'] as const)(
    'reads the results of tags in the form of %s',
    async (tagResults) => {
      const { client } = await start({ answers: { tagResults } });
      const { id } = await client.upsertContact(ANN);
      const tag = await client.createTag('App User', 'Has the app');
      expect(await client.applyTags(id, [tag.id, 999])).toEqual(
        new Map([
          [tag.id, 'SUCCESS'],
          [999, 'TAG_ID_NOT_FOUND'],
        ]),
      );
      await client.removeTags(id, [tag.id, 999]);
      expect((await client.upsertContact(ANN)).tag_ids).toEqual([]);
    },
  );

  it('applies and removes more tags than one request can name in parts', async () => {
    const { client, contacts, requestsOf } = await start();
    const { id } = await client.upsertContact(ANN);
    const tagIds: number[] = [];
    for (let index = 0; index < 201; index++) tagIds.push((await client.createTag(`Tag ${index}`, '')).id);
    const applying = await requestsOf(async () => {
      const results = await client.applyTags(id, tagIds);
      expect([...results]).toEqual(tagIds.map((tagId) => [tagId, 'SUCCESS']));
    });
    expect(applying).toEqual({ 'POST /contacts/{id}/tags': 3 });
    expect((await contacts())[0]?.tags).toHaveLength(201);
    expect(await requestsOf(() => client.removeTags(id, tagIds))).toEqual({
      'DELETE /contacts/{id}/tags': 3,
    });
    expect((await contacts())[0]?.tags).toEqual([]);
    const hundred = await requestsOf(() => client.removeTags(id, tagIds.slice(0, 100)));
    expect(hundred).toEqual({ 'DELETE /contacts/{id}/tags': 1 });
  });

  it('finds contacts by an email in any of their email fields, and only those that show it', async () => {
    const holding = (id: number, ...emails: [field: string, email: unknown][]) => ({
      id,
      email_addresses: emails.map(([field, email]) => ({ field, email })),
    });
    const contacts = [
      holding(1, ['EMAIL1', 'ann@example.com']),
      holding(2, ['EMAIL1', 'bob@example.com'], ['EMAIL3', 'Ann@Example.com']),
      holding(3, ['EMAIL1', 'ann@example.com.au'], ['EMAIL2', null]),
      holding(4, ['OTHER', 'ann@example.com']),
      holding(5),
      { id: 6, email_addresses: null },
      { id: 7, given_name: 'ann@example.com' },
    ];
    const { client } = answering(() => Response.json({ contacts }));
    expect((await client.findContactsByEmail('ANN@example.com')).map(({ id }) => id)).toEqual([1, 2]);
  });

  it('finds companies by their full name, also among some without a name', async () => {
    const companies = [
      { id: 1, company_name: null },
      { id: 2 },
      { id: 3, company_name: 'Ann Ltd Holding' },
      { id: 4, company_name: 'ann ltd' },
    ];
    const { client } = answering(() => Response.json({ companies }));
    expect((await client.findCompanies('Ann Ltd')).map(({ id }) => id)).toEqual([4]);
  });

  it('reads a contact with the optional properties that are requested', async () => {
    const asked: (string | null)[] = [];
    const client = infusionsoftClient({
      url: 'http://crm.local',
      fetch: async (input) => {
        asked.push(new URL((input as Request).url).searchParams.get('optional_properties'));
        return Response.json({ id: 1 });
      },
    });
    await client.readContact(1);
    await client.readContact(1, ['time_zone', 'job_title']);
    expect(asked).toEqual([
      'custom_fields,lead_source_id,job_title',
      'custom_fields,lead_source_id,job_title,time_zone',
    ]);
  });

  it('lists the optional properties of an account', async () => {
    const { client } = await start();
    expect(await client.listOptionalProperties()).toContain('job_title');
  });

  it('reads all pages of tags, even if the last page repeats without end', async () => {
    const page = (...ids: number[]) => Response.json({ tags: ids.map((id) => ({ id, name: `tag ${id}` })) });
    const { client, requests } = answering(
      () => page(1, 2, 3),
      () => page(4),
      () => page(4),
    );
    expect((await client.listTags()).map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(requests()).toBe(3);
  });

  it('throws a NotFoundError for a contact that is gone', async () => {
    const { client } = await start();
    await expect(client.updateContact(999, { given_name: 'A' })).rejects.toThrow(NotFoundError);
    await expect(client.deleteContact(999)).rejects.toThrow(NotFoundError);
    await expect(client.removeTags(999, [1])).rejects.toThrow(NotFoundError);
  });

  it('throws a RejectedError for a refused value, without quoting it', async () => {
    const { client } = await start();
    const refused = client.upsertContact({ ...ANN, given_name: 'x'.repeat(41) });
    await expect(refused).rejects.toThrow(RejectedError);
    await expect(refused).rejects.not.toThrow(/xxx|ann@/);
  });

  it('retries after a failure of the CRM', async () => {
    const ok = () => Response.json({ id: 5, tag_ids: [] });
    const { client, requests } = answering(() => new Response('<html>', { status: 502 }), ok);
    expect(await client.updateContact(5, ANN)).toEqual({ id: 5, tag_ids: [] });
    expect(requests()).toBe(2);
  });

  it('trusts a removal only if its answer is empty, as the CRM answers it', async () => {
    for (const answer of [
      () => new Response('{"id": 12, "given_na'),
      () => new Response('<html>log in</html>'),
    ]) {
      const { client } = answering(answer);
      await expect(client.removeTags(5, [1])).rejects.toThrow(RetryableError);
    }
    const { client } = answering(() => new Response(null, { status: 204 }));
    await client.removeTags(5, [1]);
  });

  it.each([
    ['a create-or-update', (client: Client) => client.upsertContact(ANN)],
    ['a create', (client: Client) => client.createContact(ANN)],
    ['the creation of a company', (client: Client) => client.createCompany('Lee Ltd')],
  ])('waits a minute after %s that may still be running: two at once can create two', async (_, create) => {
    for (const answer of [() => new Response('<html>', { status: 502 }), () => new Response('{"id"')]) {
      const { client, requests } = answering(answer);
      await expect(create(client)).rejects.toMatchObject({ name: 'UncertainError', afterMs: 60_000 });
      expect(requests()).toBe(1);
    }
  });

  it.each([
    ['the credentials were refused', async () => new Response(null, { status: 401 })],
    [
      'no request was made without credentials',
      async () => {
        throw new RetryableError('no credentials');
      },
    ],
  ])('does not wait after a create-or-update that had no effect: %s', async (_, fetch) => {
    const client = infusionsoftClient({ url: 'http://crm.local', fetch });
    await expect(client.upsertContact(ANN)).rejects.toMatchObject({
      name: 'RetryableError',
      afterMs: undefined,
    });
  });

  it('repeats a create-or-update after a spike arrest', async () => {
    const spike = { fault: { detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' } } };
    const { client, requests } = answering(
      () => Response.json(spike, { status: 429 }),
      () => Response.json({ id: 5 }),
    );
    expect((await client.upsertContact(ANN)).id).toBe(5);
    expect(requests()).toBe(2);
  });

  const FAULT = () => Response.json({ message: 'Owner of ann@example.com does not exist' }, { status: 500 });
  it.each([
    ['updateContact', (client: Client) => client.updateContact(5, ANN), undefined],
    ['readContact', (client: Client) => client.readContact(5), undefined],
    ['applyTags', (client: Client) => client.applyTags(5, [1]), undefined],
    ['removeTags', (client: Client) => client.removeTags(5, [1]), undefined],
    ['setOptIn', (client: Client) => client.setOptIn('ann@example.com', false, 'asked'), undefined],
    ['tagContacts', (client: Client) => client.tagContacts(1, [5, 6]), undefined],
    ['upsertContact', (client: Client) => client.upsertContact(ANN), 60_000],
    ['createContact', (client: Client) => client.createContact(ANN), 60_000],
  ] as const)('makes one attempt of %s when the CRM fails with a message', async (_, request, afterMs) => {
    const { client, requests } = answering(FAULT);
    const failed = request(client);
    await expect(failed).rejects.toMatchObject({ name: 'ContactFaultError', isAnswered: true, afterMs });
    await expect(failed).rejects.not.toThrow(/ann@/);
    expect(requests()).toBe(1);
  });

  it('retries a read of the account that fails with a message', async () => {
    const { client, requests } = answering(FAULT, () => Response.json({ tags: [] }));
    expect(await client.listTags()).toEqual([]);
    expect(requests()).toBe(2);
  });

  it('follows the address of the next page of lead sources', async () => {
    const page = (id: number, next_page_token?: string | null) =>
      Response.json({ lead_sources: [{ id: String(id), name: `Source ${id}` }], next_page_token });
    const { client, requests } = answering(
      () => page(1, 'https://api.infusionsoft.com/crm/rest/v2/leadSources?page_size=1000&page_token=b%2Bc'),
      () => page(2, '/crm/rest/v2/leadSources?page_token=d'),
      () => page(3, 'e'),
      () => page(4, null),
    );
    expect((await client.listLeadSources()).map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(requests()).toBe(4);
    const broken = answering(() => page(1, 'https://api.infusionsoft.com/crm/rest/v2/leadSources'));
    await expect(broken.client.listLeadSources()).rejects.toThrow(RejectedError);
  });

  it('takes a missing list for an empty one, unless the answer counts its items: they would be created again', async () => {
    const of = (body: object) => answering(() => Response.json(body)).client;
    for (const body of [{}, { tags: null, count: 0 }]) expect(await of(body).listTags()).toEqual([]);
    await expect(of({ tags: null, count: 3 }).listTags()).rejects.toThrow(RetryableError);
    await expect(of({ count: 1 }).findCompanies('Ann Ltd')).rejects.toThrow(RetryableError);
    await expect(of({ contacts: null, count: 1 }).findContactsByEmail('a@b.example')).rejects.toThrow(
      RetryableError,
    );
    expect(await of({ contacts: null, count: 0 }).findContactsByEmail('a@b.example')).toEqual([]);
    expect(await of({ users: null }).listStaff()).toEqual([]);
    expect(await of({}).countTagged(1)).toBeUndefined();
  });

  it.each([
    [{ contact: { contact_types: 'Customer, Prospect,' } }, ['Customer', 'Prospect']],
    [{ contact: { contact_types: null } }, []],
    [{ contact: null }, []],
    [{}, []],
  ])('reads the contact types in the settings %j', async (settings, types) => {
    expect(await answering(() => Response.json(settings)).client.listContactTypes()).toEqual(types);
  });

  it.each([[{ 1: 'SUCCESS', 2: 'LATER', 3: null }], [[{ 1: 'SUCCESS' }, { 2: 'LATER' }, { 3: null }]]])(
    'takes a result of a tag that it does not know for a failure: %j',
    async (results) => {
      const { client } = answering(() => Response.json(results));
      expect(await client.applyTags(5, [1, 2, 3])).toEqual(
        new Map([
          [1, 'SUCCESS'],
          [2, 'FAILURE'],
          [3, 'FAILURE'],
        ]),
      );
    },
  );

  it('never repeats a create that may have taken effect', async () => {
    const { client, requests } = answering(() => new Response(null, { status: 500 }));
    await expect(client.createTag('App User', '')).rejects.toThrow(RetryableError);
    await expect(client.createCustomField('Program', 'Text')).rejects.toThrow(RetryableError);
    expect(requests()).toBe(2);
  });

  it('keeps the retry time of the rate limiter and the credentials', async () => {
    const fetch = async () => {
      throw new RetryableError('no credentials yet', { afterMs: 300_000 });
    };
    const client = infusionsoftClient({ url: 'http://crm.local', fetch });
    await expect(client.upsertContact(ANN)).rejects.toMatchObject({
      name: 'RetryableError',
      afterMs: 300_000,
    });
  });

  it('does not retry when the quota is spent', async () => {
    const spent = () =>
      Response.json(
        { fault: { detail: { errorcode: 'policies.ratelimit.QuotaViolation' } } },
        { status: 429 },
      );
    const { client, requests } = answering(spent);
    await expect(client.upsertContact(ANN)).rejects.toThrow(RetryableError);
    expect(requests()).toBe(1);
  });

  it.each([
    [
      'half an answer',
      () => new Response('{"id": 12, "gi', { headers: { 'content-type': 'application/json' } }),
    ],
    ['a page of a proxy', () => new Response('<html>hello</html>')],
    ['another shape', () => Response.json({ contact: 12 })],
    ['nothing', () => new Response(null)],
  ])('throws a RetryableError for %s', async (_, answer) => {
    await expect(answering(answer).client.updateContact(1, { given_name: 'A' })).rejects.toThrow(
      RetryableError,
    );
  });
});
