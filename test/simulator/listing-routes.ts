import { type Context, Hono } from 'hono';
import * as z from 'zod';
import type { StoredContact } from './account/contact-store.ts';
import { indexedContacts } from './account/search.ts';
import { BadRequestError } from './contact-body.ts';
import { addressesOf, itemsOf } from './contact-format.ts';
import { nextPage } from './paging.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const MAX_PAGE_SIZE = 1000;
const MAX_IDS = 100;

/** Version 2 names the statuses of an email address in upper snake case, version 1 in camel case. */
const STATUSES: Readonly<Record<string, string>> = { DoubleOptin: 'DOUBLE_OPT_IN' };
const statusOf = (status: string): string =>
  STATUSES[status] ?? status.replace(/(?<!^)([A-Z])/g, '_$1').toUpperCase();

const OPTED_IN = new Set(['UNENGAGED_MARKETABLE', 'SINGLE_OPT_IN', 'DOUBLE_OPT_IN', 'CONFIRMED']);

/** `/contacts`, `/contacts/-/tags` and `/emailAddresses` of API v2: lists in pages with tokens, ids as texts. */
export function listingRoutes(simulator: Simulator): Hono<SimulatorEnv> {
  const { store, directory, search, answers, hidden, now } = simulator;
  const routes = new Hono<SimulatorEnv>();
  const statusOfAddress = (email: string): string =>
    statusOf(store.addresses.statusOf(email) ?? 'NonMarketable');
  const indexed = () => indexedContacts(store, now() - search.delayMs);
  const updatedAt = ({ id, updatedAt }: StoredContact): number =>
    answers.tagsUpdateContact
      ? Math.max(updatedAt, store.contacts.get(id)?.tagIds.changedAt ?? 0)
      : updatedAt;

  routes.get('/contacts', (context) => {
    const filters = filtersOf(context, [
      'start_update_time',
      'end_update_time',
      'contact_id',
      'ids',
      'email',
    ]);
    const ids = filters.get('ids')?.value.split(',').map(Number);
    if (ids && ids.length > MAX_IDS) throw new BadRequestError(`At most ${MAX_IDS} ids`);
    const since = momentOf(filters.get('start_update_time')?.value);
    const until = momentOf(filters.get('end_update_time')?.value);
    const email = filters.get('email')?.value.toLowerCase();
    const found = indexed().filter(
      (contact) =>
        (since === undefined || updatedAt(contact) >= since) &&
        (until === undefined || updatedAt(contact) <= until) &&
        isInRange(contact.id, filters.get('contact_id')) &&
        (!ids || (ids.includes(contact.id) && !hidden.isHidden(contact.id, now()))) &&
        (!email ||
          [...contact.values].some(([path, value]) => isEmail(path) && value.toLowerCase() === email)),
    );
    const { by, sign } = orderOf(context, ['id', 'create_time', 'update_time', 'email']);
    const key = (contact: StoredContact): number | string => {
      if (by === 'create_time') return contact.createdAt;
      if (by === 'update_time') return updatedAt(contact);
      return by === 'email' ? (contact.values.get('email_addresses.EMAIL1') ?? '') : contact.id;
    };
    found.sort((a, b) => sign * (compare(key(a), key(b)) || a.id - b.id));
    const { items, nextPage: more } = pageOf(found, context);
    const fields = new Set((context.req.query('fields') ?? '').split(',').filter(Boolean));
    const unknown = [...fields].filter((field) => !FIELDS.has(field));
    if (unknown.length > 0) throw new BadRequestError(`Unknown fields: ${unknown.join(', ')}`);
    return context.json({ contacts: items.map((each) => format(each, fields)), ...more });
  });

  routes.get('/contacts/-/tags', (context) => {
    const filters = filtersOf(context, ['since_applied_time', 'until_applied_time', 'contact_ids']);
    if (filters.size === 0) throw new BadRequestError('At least one filter is required');
    const ids = filters.get('contact_ids')?.value.split(',').map(Number);
    if (ids && ids.length > MAX_IDS) throw new BadRequestError(`At most ${MAX_IDS} ids`);
    const since = momentOf(filters.get('since_applied_time')?.value) ?? 0;
    const until = momentOf(filters.get('until_applied_time')?.value) ?? Number.POSITIVE_INFINITY;
    const found = [...store.contacts.values()].flatMap((contact) =>
      ids && !ids.includes(contact.id)
        ? []
        : [...contact.tagIds].map((tagId) => ({ contact, tagId, at: contact.tagIds.appliedAt(tagId) })),
    );
    const applied = found.filter(({ at }) => at >= since && at <= until).sort((a, b) => a.at - b.at);
    const { items, nextPage: more } = pageOf(applied, context);
    const tags = items.map(({ contact, tagId, at }) => ({
      contact_id: String(contact.id),
      tag_id: String(tagId),
      applied_at: formatTime(at),
    }));
    return context.json({ tags, ...more });
  });

  routes.get('/emailAddresses', (context) => {
    const filters = filtersOf(context, ['emails', 'statuses', 'opted_in']);
    const wanted = (name: string) => filters.get(name)?.value.toLowerCase().split(',');
    const byEmail = new Map<string, { email: string; status: string; createdAt: number }>();
    for (const contact of store.contacts.values())
      for (const [path, email] of contact.values)
        if (isEmail(path))
          byEmail.set(email.toLowerCase(), {
            email,
            status: statusOfAddress(email),
            createdAt: contact.createdAt,
          });
    const all = [...byEmail.values()].filter(
      ({ email, status }) =>
        (wanted('emails')?.includes(email.toLowerCase()) ?? true) &&
        (wanted('statuses')?.includes(status.toLowerCase()) ?? true) &&
        (wanted('opted_in')?.includes(String(OPTED_IN.has(status))) ?? true),
    );
    const { by, sign } = orderOf(context, ['email', 'status', 'create_time']);
    const key = (each: (typeof all)[number]) =>
      by === 'create_time' ? each.createdAt : by === 'status' ? each.status : each.email.toLowerCase();
    all.sort((a, b) => sign * compare(key(a), key(b)));
    const { items, nextPage: more } = pageOf(all, context);
    const addresses = items.map(({ email, status, createdAt }) => ({
      email,
      opted_in: OPTED_IN.has(status),
      status,
      create_time: formatTime(createdAt),
    }));
    return context.json({ email_addresses: addresses, ...more });
  });

  /** One page, with the token or the address of the next page. */
  function pageOf<Item>(all: readonly Item[], context: Context) {
    const { page_size: size, page_token: token } = pagingSchema.parse(context.req.query());
    const from = token ?? 0;
    const next = from + size;
    return {
      items: all.slice(from, next),
      nextPage: next < all.length ? nextPage(context, next, answers) : {},
    };
  }

  function format(contact: StoredContact, fields: ReadonlySet<string>): Record<string, unknown> {
    const { values } = contact;
    const company = values.get('company');
    const tagIds = [...(store.contacts.get(contact.id)?.tagIds ?? [])].map(String);
    const all: Record<string, unknown> = {
      ...Object.fromEntries([...values].filter(([path]) => !path.includes('.'))),
      birth_date: values.get('birthday'),
      anniversary_date: values.get('anniversary'),
      leadsource_id: values.get('lead_source_id'),
      company: company && { id: company, company_name: directory.companies.get(Number(company))?.name },
      email_addresses: itemsOf(values, 'email_addresses').map(([field, email]) => ({
        field,
        email,
        is_opt_in: OPTED_IN.has(statusOfAddress(email)),
        email_opt_status: statusOfAddress(email),
      })),
      phone_numbers: itemsOf(values, 'phone_numbers').map(([field, number]) => ({ field, number })),
      fax_numbers: itemsOf(values, 'fax_numbers').map(([field, number]) => ({ field, number })),
      social_accounts: itemsOf(values, 'social_accounts').map(([type, name]) => ({
        type: type === 'LinkedIn' ? 'LINKED_IN' : type.toUpperCase(),
        name,
      })),
      custom_fields: itemsOf(values, 'custom_fields').map(([id, content]) => ({ id, content })),
      addresses: addressesOf(contact),
      ...((answers.emptyTagIds || tagIds.length > 0) && { tag_ids: tagIds }),
      create_time: formatTime(contact.createdAt),
      update_time: formatTime(updatedAt(contact)),
    };
    const wanted = fields.size === 0 ? DEFAULT_FIELDS : fields;
    const shown = Object.entries(all).filter(([name, value]) => wanted.has(name) && value !== undefined);
    return { id: String(contact.id), ...Object.fromEntries(shown) };
  }
  return routes;
}

const isEmail = (path: string): boolean => path.startsWith('email_addresses.');

/** Values of `fields` that the vendor's client lists. */
const FIELDS = new Set(
  (
    'addresses,anniversary_date,birth_date,company,contact_type,create_time,custom_fields,email_addresses,family_name,fax_numbers,' +
    'given_name,id,job_title,leadsource_id,links,middle_name,notes,origin,owner_id,phone_numbers,preferred_locale,preferred_name,' +
    'prefix,referral_code,score_value,social_accounts,source_type,spouse_name,suffix,tag_ids,time_zone,update_time,utm_parameters,website'
  ).split(','),
);
/** What an answer contains if the request names no fields: as little as any source reports. */
const DEFAULT_FIELDS = new Set([
  'id',
  'given_name',
  'family_name',
  'email_addresses',
  'create_time',
  'update_time',
]);

const pagingSchema = z.object({
  page_size: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(100),
  page_token: z.coerce.number().int().nonnegative().optional(),
});

interface Filter {
  operator: string;
  value: string;
}

/** `name==value;name>value`, as the vendor's client documents it. An unknown name is refused. */
function filtersOf(context: Context, allowed: readonly string[]): Map<string, Filter> {
  const parts = (context.req.query('filter') ?? '').split(';').filter(Boolean);
  return new Map(
    parts.map((part) => {
      const [, name = '', operator = '', value = ''] = /^(\w+)(==|>=|<=|>|<)(.+)$/.exec(part) ?? [];
      if (!allowed.includes(name)) throw new BadRequestError(`Unknown filter: ${part}`);
      if (operator !== '==' && name !== 'contact_id') throw new BadRequestError(`${name} allows only ==`);
      return [name, { operator, value }];
    }),
  );
}

/** Parses a time. The vendor says that times without milliseconds or a zone are refused. */
function momentOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:?\d\d)$/.test(text))
    throw new BadRequestError(`Not a time: ${text}`);
  return Date.parse(text);
}

function isInRange(id: number, filter: Filter | undefined): boolean {
  if (!filter) return true;
  const limit = Number(filter.value);
  switch (filter.operator) {
    case '>':
      return id > limit;
    case '>=':
      return id >= limit;
    case '<':
      return id < limit;
    case '<=':
      return id <= limit;
    default:
      return id === limit;
  }
}

function orderOf(context: Context, allowed: readonly string[]): { by: string; sign: 1 | -1 } {
  const [by = '', direction = 'asc'] = (context.req.query('order_by') ?? allowed[0] ?? '').split(' ');
  if (!allowed.includes(by) || !['asc', 'desc'].includes(direction))
    throw new BadRequestError(`Unknown order: ${by} ${direction}`);
  return { by, sign: direction === 'asc' ? 1 : -1 };
}

const compare = (a: number | string, b: number | string): number => (a === b ? 0 : a < b ? -1 : 1);

const formatTime = (at: number): string => new Date(at).toISOString();
