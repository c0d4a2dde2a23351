import { describe, expect, it } from 'vitest';
import { ForbiddenError, NotFoundError } from '../../../../shared/infusionsoft/http/failures.ts';
import { contacts } from '../../../../shared/infusionsoft/resources/contacts.ts';
import { countries } from '../../../../shared/infusionsoft/resources/countries.ts';
import { emails } from '../../../../shared/infusionsoft/resources/emails.ts';
import { hookEventKeys } from '../../../../shared/infusionsoft/resources/hook-event-keys.ts';
import { hooks } from '../../../../shared/infusionsoft/resources/hooks.ts';
import { leadSources } from '../../../../shared/infusionsoft/resources/lead-sources.ts';
import { notes } from '../../../../shared/infusionsoft/resources/notes.ts';
import { UnexpectedAnswerError } from '../../../../shared/infusionsoft/resources/page.ts';
import { products } from '../../../../shared/infusionsoft/resources/products.ts';
import { NotSupportedError, resourceReader } from '../../../../shared/infusionsoft/resources/reader.ts';
import { tags } from '../../../../shared/infusionsoft/resources/tags.ts';
import { userInfo } from '../../../../shared/infusionsoft/resources/user-info.ts';

/** A reader whose requests get these answers, one after the other; the last one again and again. */
function answering(...answers: unknown[]) {
  const requests: string[] = [];
  const mismatches: string[] = [];
  const fetch = async (input: string | URL | Request) => {
    const { pathname, search } = new URL(input instanceof Request ? input.url : input);
    requests.push(pathname + decodeURIComponent(search));
    const answer = answers[Math.min(requests.length, answers.length) - 1];
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  };
  const options = { url: 'http://crm.local', fetch };
  const crm = resourceReader(options);
  const tolerant = resourceReader({ ...options, onMismatch: (where) => mismatches.push(where) });
  return { crm, tolerant, requests, mismatches };
}

async function all<Item>(generator: AsyncGenerator<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of generator) items.push(item);
  return items;
}

describe('a list', () => {
  it('requests pages in a fixed order, with the filters that are asked for', async () => {
    const { crm, requests } = answering({ contacts: [{ id: 1 }], count: 1 }, { contacts: [] });
    const since = Date.parse('2026-01-01T00:00:00Z');
    const found = await all(
      crm.list(contacts, { since, filters: { email: 'ann@example.com' }, properties: ['custom_fields'] }),
    );
    expect(found).toEqual([{ id: 1 }]);
    const query =
      'order=id&since=2026-01-01T00:00:00.000Z&optional_properties=custom_fields&email=ann@example.com';
    expect(requests).toEqual([
      `/crm/rest/v1/contacts?${query}&limit=1000&offset=0`,
      `/crm/rest/v1/contacts?${query}&limit=1000&offset=1`,
    ]);
  });

  it('requests no more than the limit, and ends there', async () => {
    const { crm, requests } = answering({ notes: [{ id: 1 }, { id: 2 }, { id: 3 }] });
    expect(await all(crm.list(notes, { limit: 2 }))).toEqual([{ id: 1 }, { id: 2 }]);
    expect(requests).toEqual(['/crm/rest/v1/notes?limit=2&offset=0']);
  });

  it('sends both ends of a range where the CRM wants both', async () => {
    const { crm, requests } = answering({ emails: [] });
    await all(crm.list(emails, { until: 0 }));
    expect(requests[0]).toContain(
      'since_sent_date=1970-01-01T00:00:00.000Z&until_sent_date=1970-01-01T00:00:00.000Z',
    );
  });

  it('reads nested resources of one item', async () => {
    const { crm, requests } = answering({ tags: [{ tag: { id: 5 }, date_applied: null }] }, { tags: [] });
    expect(await all(crm.list(contacts.nested.tags, { of: 17 }))).toEqual([
      { tag: { id: 5 }, date_applied: null },
    ]);
    expect(requests[0]).toBe('/crm/rest/v1/contacts/17/tags?limit=1000&offset=0');
  });

  it('reads answers that are a list, texts or names by code, with one request', async () => {
    expect(await all(answering([{ key: 'a' }]).crm.list(hooks))).toEqual([{ key: 'a' }]);
    expect(await all(answering(['contact.add']).crm.list(hookEventKeys))).toEqual([{ text: 'contact.add' }]);
    const { crm, requests } = answering({ countries: { DEU: 'Germany' } });
    expect(await all(crm.list(countries))).toEqual([{ code: 'DEU', name: 'Germany' }]);
    expect(requests).toHaveLength(1);
  });

  it.each(['2', 'https://api.infusionsoft.com/crm/rest/v2/leadSources?page_size=1000&page_token=2'])(
    'follows the page token %s',
    async (next_page_token) => {
      const { crm, requests } = answering(
        { lead_sources: [{ id: '1' }], next_page_token },
        { lead_sources: [{ id: '2' }], next_page_token: null },
      );
      expect(await all(crm.list(leadSources))).toEqual([{ id: '1' }, { id: '2' }]);
      expect(requests).toEqual([
        '/crm/rest/v2/leadSources?page_size=1000',
        '/crm/rest/v2/leadSources?page_size=1000&page_token=2',
      ]);
    },
  );

  it('keeps null and unknown properties, and is empty when the answer has no list', async () => {
    const item = { id: 1, title: null, invented: { deep: [1] } };
    expect(await all(answering({ notes: [item] }).crm.list(notes))).toEqual([item]);
    expect(await all(answering({ notes: null }).crm.list(notes))).toEqual([]);
    expect(await all(answering({}).crm.list(notes))).toEqual([]);
  });

  it('names a property of another type, or keeps it where that is asked for', async () => {
    const answer = { notes: [{ id: 1, title: 5 }] };
    await expect(all(answering(answer).crm.list(notes))).rejects.toThrow('notes.title');
    const { tolerant, mismatches } = answering(answer);
    expect(await all(tolerant.list(notes))).toEqual(answer.notes);
    expect(mismatches).toEqual(['notes.title']);
  });

  it.each([[{ notes: [{ title: 'no id' }] }], [{ notes: ['text'] }], [{ notes: 'text' }], ['text'], [null]])(
    'refuses the answer %j',
    async (answer) => {
      const { crm, tolerant } = answering(answer);
      await expect(all(crm.list(notes))).rejects.toThrow(UnexpectedAnswerError);
      await expect(all(tolerant.list(notes))).rejects.toThrow(UnexpectedAnswerError);
    },
  );

  it('refuses what the resource does not have, without a request', async () => {
    const { crm, requests } = answering({});
    const filters = { colour: 'red' } as object;
    await expect(all(crm.list(notes, { filters }))).rejects.toThrow(NotSupportedError);
    await expect(all(crm.list(notes, { since: 0 }))).rejects.toThrow(NotSupportedError);
    await expect(all(crm.list(userInfo))).rejects.toThrow(NotSupportedError);
    await expect(crm.get(hookEventKeys)).rejects.toThrow(NotSupportedError);
    expect(requests).toEqual([]);
  });

  it('throws what the client throws', async () => {
    await expect(all(answering(new Response('{}', { status: 403 })).crm.list(tags))).rejects.toThrow(
      ForbiddenError,
    );
  });
});

describe('a single read', () => {
  it('reads an item, one of another item, and the only one', async () => {
    const { crm, requests } = answering({ id: 3, sub: '1' });
    expect(await crm.get(contacts, [3], { properties: ['job_title', 'origin'] })).toMatchObject({ id: 3 });
    await crm.get(products.nested.subscriptions, [12, 3]);
    await crm.get(userInfo);
    expect(requests).toEqual([
      '/crm/rest/v1/contacts/3?optional_properties=job_title,origin',
      '/crm/rest/v1/products/12/subscriptions/3',
      '/crm/rest/v1/oauth/connect/userinfo',
    ]);
  });

  it('has the properties of the single read', async () => {
    const email = await answering({ id: 3, html_content: 'PGI+' }).crm.get(emails, [3]);
    expect(email.html_content).toBe('PGI+');
  });

  it('escapes ids in the path', async () => {
    const { crm, requests } = answering({ key: 'a/b' });
    await crm.get(hooks, ['../tags']);
    expect(requests).toEqual(['/crm/rest/v1/hooks/..%2Ftags']);
  });

  it('throws a NotFoundError for an id that does not exist', async () => {
    await expect(answering(new Response('{}', { status: 404 })).crm.get(notes, [3])).rejects.toThrow(
      NotFoundError,
    );
  });
});

describe('the model of a resource', () => {
  it('has its custom fields and optional properties', async () => {
    const { crm, requests } = answering({
      custom_fields: [{ id: 7, label: 'Favourite Workout' }],
      optional_properties: ['fax_number', 'notes'],
    });
    expect(await crm.model(contacts)).toEqual({
      customFields: [{ id: 7, label: 'Favourite Workout' }],
      optionalProperties: ['fax_number', 'notes'],
    });
    expect(requests).toEqual(['/crm/rest/v1/contacts/model']);
  });

  it('is known without a request where the CRM has none', async () => {
    const { crm, requests } = answering({});
    expect(await crm.model(hooks)).toEqual({ customFields: [], optionalProperties: [] });
    expect(requests).toEqual([]);
  });
});
