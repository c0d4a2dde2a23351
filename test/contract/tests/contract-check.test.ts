import { describe, expect, it } from 'vitest';
import { infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { DEFAULT_TOKEN } from '../../simulator/simulator.ts';
import { startCrm } from '../../support/crm-under-test.ts';
import { type ContractRules, checkContract } from '../contract-check.ts';
import { KNOWN_DIFFERENCES } from '../known-differences.ts';
import { type Exchange, recordingProxy } from '../recording-proxy.ts';
import { exchange } from './exchange.ts';
import { smallDocument } from './small-document.ts';

const NO_RULES: ContractRules = { differences: [], undocumented: [] };
const check = (exchanges: readonly Exchange[], rules: Partial<ContractRules> = {}) =>
  checkContract(smallDocument(), exchanges, { ...NO_RULES, ...rules });
const findings = async (...exchanges: Exchange[]) => (await check(exchanges)).findings;

/** The exchanges of a create-or-update by the sync's client, whose body is changed on its way. */
async function upsertWith(change: (body: string) => string): Promise<readonly Exchange[]> {
  const crm = await startCrm({ isServer: true });
  const proxy = await recordingProxy(crm.url);
  try {
    const client = infusionsoftClient({
      url: proxy.url,
      fetch: async (input, init) => {
        const { method, url, body } = new Request(input, init);
        const headers = { 'x-keap-api-key': DEFAULT_TOKEN, 'content-type': 'application/json' };
        return fetch(url, { method, headers, body: change(await new Response(body).text()) });
      },
    });
    const email_addresses = [{ field: 'EMAIL1', email: 'ann@example.com' }];
    // The simulator refuses the body that the test misspells.
    await client.upsertContact({ email_addresses }).catch(() => undefined);
    return proxy.exchanges;
  } finally {
    await proxy.stop();
    await crm.stop();
  }
}

describe('a request of the client', () => {
  const requestFindings = async (change: (body: string) => string) => {
    const exchanges = await upsertWith(change);
    expect(exchanges).toHaveLength(1);
    return (await check(exchanges)).findings.filter(({ direction }) => direction === 'request');
  };

  it('passes as it is', async () => {
    expect(await requestFindings((body) => body)).toEqual([]);
  });

  it('is a finding when a property is misspelt', async () => {
    expect(await requestFindings((body) => body.replace('duplicate_option', 'duplicate_options'))).toEqual([
      {
        request: 'PUT /contacts',
        direction: 'request',
        location: 'body',
        message: "must NOT have additional properties; found 'duplicate_options'",
        count: 1,
      },
    ]);
  });

  it('is a finding when a value is not allowed', async () => {
    expect(await requestFindings((body) => body.replace('"Email"', '"EMAIL"'))).toMatchObject([
      { location: 'body.duplicate_option', message: expect.stringContaining('Email, EmailAndName') },
    ]);
  });
});

describe('a finding', () => {
  const PUT = { body: { duplicate_option: 'Email' }, answer: { id: 1 } };

  it.each<[string, Exchange, object]>([
    [
      'an answer with an unknown property',
      exchange('PUT /contacts', { ...PUT, answer: { id: 1, givenName: 'Ann' } }),
      { direction: 'answer', location: 'body', message: expect.stringContaining("'givenName'") },
    ],
    [
      'an unknown property in a list',
      exchange('PUT /contacts', { ...PUT, body: { phone_numbers: [{ field: 'PHONE1', nmber: '1' }] } }),
      { direction: 'request', location: 'body.phone_numbers[]' },
    ],
    [
      'a missing property',
      exchange('PUT /contacts', { ...PUT, body: { phone_numbers: [{ number: '1' }] } }),
      { location: 'body.phone_numbers[]', message: "must have required property 'field'" },
    ],
    [
      'an unknown query parameter',
      exchange('GET /contacts?lmit=1', { answer: { contacts: [] } }),
      { location: 'query.lmit', message: 'is not in the document' },
    ],
    [
      'a wrong query parameter',
      exchange('GET /contacts?limit=many', { answer: { contacts: [] } }),
      { location: 'query.limit', message: 'must be integer' },
    ],
    [
      'a wrong id in the path',
      exchange('PATCH /contacts/ann', { body: {}, answer: { id: 1 } }),
      { location: 'path.contactid', message: 'must be integer' },
    ],
    ['an unknown status', exchange('PUT /contacts', { ...PUT, status: 202 }), { location: 'status' }],
    [
      'an answer that is no JSON',
      exchange('PUT /contacts', { ...PUT, answer: undefined }),
      { direction: 'answer' },
    ],
    [
      'an unknown request',
      exchange('DELETE /contacts', { status: 204 }),
      { request: 'DELETE /crm/rest/v1/contacts', location: 'path', message: 'is not in the document' },
    ],
    [
      'a body that the document does not describe',
      exchange('GET /contacts/model', { answer: { anything: true } }),
      { direction: 'answer', location: 'body', message: 'is not described by the document' },
    ],
  ])('is %s', async (_, different, expected) => {
    expect(await findings(different)).toContainEqual(expect.objectContaining(expected));
  });

  it('is counted once for each kind, whatever the ids and positions', async () => {
    const wrong = (id: number) =>
      exchange(`PATCH /contacts/${id}`, {
        body: { phone_numbers: [{ field: 'PHONE1' }, { field: 'PHONE2', nmber: '1' }] },
        answer: { id },
      });
    expect(await findings(wrong(1), wrong(2))).toMatchObject([
      { request: 'PATCH /contacts/{contactId}', location: 'body.phone_numbers[]', count: 2 },
    ]);
  });
});

it('a request that is listed as undocumented is reported with its source, and is no finding', async () => {
  const exchanges = [
    exchange('POST /token', { answer: {} }),
    exchange('GET /crm/rest/v2/contacts', { answer: {} }),
  ];
  const undocumented = [
    { request: 'POST /token', source: 'The page about OAuth' },
    { request: 'GET /crm/rest/v2/tags', source: 'Not used' },
  ];
  const report = await check(exchanges, { undocumented });
  expect(report.undocumented).toEqual([{ request: 'POST /token', source: 'The page about OAuth', count: 1 }]);
  expect(report.findings).toMatchObject([{ request: 'GET /crm/rest/v2/contacts' }]);
});

it('reports requests that are deprecated, and the path without placeholders wins', async () => {
  const { deprecated, requests } = await check([exchange('GET /contacts/model', { answer: {} })]);
  expect(deprecated).toEqual(['GET /contacts/model']);
  expect(requests).toEqual({ 'GET /contacts/model': 1 });
});

describe('the known differences', () => {
  const known = async (...exchanges: Exchange[]) =>
    (await check(exchanges, { differences: KNOWN_DIFFERENCES })).findings;

  it.each<[string, Exchange]>([
    [
      'nulls in answers',
      exchange('PUT /contacts', { body: {}, answer: { id: 1, given_name: null, company: null } }),
    ],
    [
      'tag results by id',
      exchange('POST /contacts/1/tags', { body: { tagIds: [5] }, answer: { 5: 'SUCCESS' } }),
    ],
    [
      'tag results as a list',
      exchange('POST /tags/5/contacts', { body: { ids: [1] }, answer: [{ 1: 'DUPLICATE' }] }),
    ],
    [
      'custom fields as texts',
      exchange('PUT /contacts', { body: { custom_fields: [{ id: 1, content: 'a' }] }, answer: { id: 1 } }),
    ],
    [
      'the last update in milliseconds',
      exchange('GET /contacts', { answer: { contacts: [{ id: 1, last_updated_utc_millis: 1 }] } }),
    ],
    [
      'a number in E.164',
      exchange('PUT /contacts', {
        body: {},
        answer: { id: 1, phone_numbers: [{ field: 'PHONE1', number_e164: '+1' }] },
      }),
    ],
    [
      'a contact by id',
      exchange('GET /contacts/1?optional_properties=given_name,birthday', { answer: { id: 1 } }),
    ],
    ['a contact that is gone', exchange('GET /contacts/1', { status: 404, answer: { fault: {} } })],
    ['ids with commas', exchange('DELETE /tags/5/contacts?ids=1%2C2', { status: 204 })],
    [
      'a birthday that is removed',
      exchange('PATCH /contacts/1', { body: { birthday: '' }, answer: { id: 1 } }),
    ],
    ['an error with any body', exchange('PUT /contacts', { body: {}, status: 429, answer: { code: '429' } })],
  ])('allow %s, which the document does not', async (_, different) => {
    expect(await known(different)).toEqual([]);
    expect(await findings(different)).not.toEqual([]);
  });

  it.each<[string, Exchange]>([
    ['an id that is null', exchange('PUT /contacts', { body: {}, answer: { id: null } })],
    ['a null in a request', exchange('PUT /contacts', { body: { given_name: null }, answer: { id: 1 } })],
    [
      'an unknown result of a tag',
      exchange('POST /contacts/1/tags', { body: { tagIds: [5] }, answer: { 5: 'YES' } }),
    ],
    [
      'a custom field with a number',
      exchange('PUT /contacts', { body: { custom_fields: [{ id: 1, content: 1 }] }, answer: { id: 1 } }),
    ],
    [
      'a number in E.164 that is sent',
      exchange('PUT /contacts', {
        body: { phone_numbers: [{ field: 'PHONE1', number_e164: '+1' }] },
        answer: { id: 1 },
      }),
    ],
    ['an id that is none', exchange('DELETE /tags/5/contacts?ids=1%2Cx', { status: 204 })],
    [
      'a birthday that is a day',
      exchange('PATCH /contacts/1', { body: { birthday: '1990-05-17' }, answer: { id: 1 } }),
    ],
    ['another status of success', exchange('PUT /contacts', { body: {}, status: 202, answer: { id: 1 } })],
  ])('do not allow %s', async (_, different) => {
    expect(await known(different)).not.toEqual([]);
  });

  it('say which of them the document needs', async () => {
    const rules = { differences: KNOWN_DIFFERENCES, undocumented: [] };
    const document = smallDocument();
    const isNeeded = async () =>
      (await checkContract(document, [], rules)).differences.map((each) => each.isNeeded);
    expect(new Set(await isNeeded())).toEqual(new Set([true]));
    expect(await isNeeded()).toContain(false);
  });

  it('fail for a document that they do not fit', async () => {
    const { paths, components } = smallDocument();
    const document = { openapi: '3.0.1', paths, components: { ...components, schemas: {} } };
    const rules = { differences: KNOWN_DIFFERENCES, undocumented: [] };
    await expect(checkContract(document, [], rules)).rejects.toThrow(/EntryLongString/);
  });
});
