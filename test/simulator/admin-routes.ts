import { Hono } from 'hono';
import { html } from 'hono/html';
import * as z from 'zod';
import { type ContactStore, MAX_SEARCH_DELAY_MS, type StoredContact } from './account/contact-store.ts';
import { directoryNameSchema } from './account/directory.ts';
import { EMAIL_STATUSES, type EmailStatus } from './account/email-addresses.ts';
import { mergeContacts } from './account/merge-contacts.ts';
import { recordNameSchema } from './account/records.ts';
import { SEARCH_MODES } from './account/search.ts';
import { ANSWER_FORMS } from './answer-forms.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';
import { strictnessSchema } from './strictness.ts';
import { faultPlanSchema } from './traffic/faults.ts';
import type { Statistics } from './traffic/statistics.ts';

const preloadSchema = z.array(
  z.strictObject({
    /** Values by path, as `given_name` or `phone_numbers.PHONE2`. */
    values: z.record(z.string(), z.string()).default({}),
    /** Values of custom fields by label. */
    customFields: z.record(z.string(), z.string()).default({}),
    /** Names of tags. */
    tags: z.array(z.string()).default([]),
    emailStatus: z.enum(EMAIL_STATUSES).optional(),
    /** Whether the contact belongs to somebody else: each change and its deletion is a foreign write. */
    stranger: z.boolean().default(false),
    /** Whether the contact was created just now. Otherwise it was created in 1970. */
    isNew: z.boolean().default(false),
  }),
);
export type PreloadedContact = z.input<typeof preloadSchema>[number];

const ownershipSchema = z.strictObject({
  fields: z.array(z.string()),
  customFields: z.array(z.string()),
  tags: z.array(z.string()),
  leadSources: z.array(z.string()).optional(),
});
const directorySchema = z.strictObject({
  /** Emails of staff members to add. */
  staff: z.array(z.string()).default([]),
  leadSources: z.array(z.string()).default([]),
  contactTypes: z.array(z.string()).optional(),
  allowsLeadSources: z.boolean().optional(),
  /** Names of tags and custom fields that cannot be created from now on. */
  refusedCreations: z.array(z.string()).optional(),
});
const limitsSchema = z.strictObject({
  second: z.int().positive().optional(),
  minute: z.int().positive().optional(),
  day: z.int().nonnegative().optional(),
  month: z.int().nonnegative().optional(),
  /** Requests that another client makes now with the same key. */
  usedByOthers: z.int().nonnegative().default(0),
  /** Whether to reset the used requests of the day and the month. */
  resetUsed: z.boolean().default(false),
  /** When the current day ends, instead of at midnight, in milliseconds from now. */
  dayEndsInMs: z.number().positive().optional(),
  /** Headers with wrong values, by name, for a number of answers. */
  wrongHeaders: z
    .strictObject({ answers: z.int().positive(), headers: z.record(z.string(), z.string()) })
    .optional(),
});
const searchSchema = z.strictObject({
  mode: z.enum(SEARCH_MODES).optional(),
  /** Time until searches find a new contact, and see an update, in milliseconds. */
  delayMs: z.number().min(0).max(MAX_SEARCH_DELAY_MS).optional(),
});
const answersSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(ANSWER_FORMS).map(([name, { values }]) => [name, z.literal([...values]).optional()]),
  ),
);
const addressSchema = z.strictObject({
  email: z.string(),
  status: z.enum(EMAIL_STATUSES),
  by: z.enum(['staff', 'person']),
});
const consentSchema = z.strictObject({
  /** Status of an address that the CRM did not know. */
  newStatus: z.enum(EMAIL_STATUSES).optional(),
  /** Status of an address that the client opts out. */
  withdrawnStatus: z.enum(EMAIL_STATUSES).optional(),
});
const editSchema = z.strictObject({
  /** Values by path; an empty one removes the old one. */
  values: z.record(z.string(), z.string()).default({}),
  /** Values of custom fields by label. */
  customFields: z.record(z.string(), z.string()).default({}),
  /** Names of tags to apply and to remove. */
  addTags: z.array(z.string()).default([]),
  removeTags: z.array(z.string()).default([]),
  /** Status of the first email address, as version 1 names it. */
  emailStatus: z.enum(EMAIL_STATUSES).optional(),
});
export type ContactEdit = z.input<typeof editSchema>;
const hiddenSchema = z.strictObject({
  contactIds: z.array(z.int()).default([]),
  /** Share of all contacts, from 0 to 1. */
  share: z.number().min(0).max(1).default(0),
  /** How long requests by id answer 404, in milliseconds. */
  forMs: z.number().min(0),
});
const oauthSchema = z.strictObject({
  /** Lifetime of new access tokens, in seconds. */
  tokenSeconds: z.number().positive().optional(),
  /** Whether the person declines authorizations. */
  declines: z.boolean().optional(),
  /** Whether redirect URIs must use HTTPS. */
  httpsOnly: z.boolean().optional(),
  /** Whether the response to the next token request is lost. */
  loseNextAnswer: z.boolean().optional(),
  /** Whether all access tokens expire now. */
  expireNow: z.boolean().default(false),
});
const resetSchema = z.strictObject({
  /** Whether to delete contacts, tags and custom fields too, and not only statistics and foreign writes. */
  data: z.boolean().default(false),
});
const forbiddenSchema = z.strictObject({ emails: z.array(z.string()) });
const mergeSchema = z.strictObject({
  from: z.int(),
  into: z.int(),
  /** Which contact's values the surviving contact keeps. */
  values: z.enum(['into', 'from']).default('into'),
});

/** Staff, lead sources and companies of the account. */
export interface DirectoryReport {
  staff: { id: number; email: string }[];
  leadSources: { id: number; name: string }[];
  companies: { id: number; name: string }[];
}

/** A contact with custom fields by label and tags by name. */
export interface ReadableContact {
  id: number;
  values: Record<string, string>;
  customFields: Record<string, string>;
  tags: string[];
  emailStatus: string | null;
}

/** `/_simulator`: inspects and configures the simulator. These requests have no limits and no latency, and are not counted. */
export function adminRoutes({
  store,
  directory,
  records,
  statistics,
  foreign,
  faults,
  forbidden,
  failing,
  refusesBulkTags,
  refusedValues,
  limits,
  oauth,
  search,
  answers,
  strict,
  hidden,
  now,
}: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/stats', (context) => context.json(statistics.report(store, foreign.found)));
  routes.get('/times', (context) => context.json(statistics.times));
  routes.get('/contacts', (context) => {
    const email = context.req.query('email')?.toLowerCase();
    const found = [...store.contacts.values()].filter(
      ({ values }) => !email || values.get('email_addresses.EMAIL1')?.toLowerCase() === email,
    );
    return context.json(found.map((contact) => readable(store, contact)));
  });
  routes.post('/contacts', async (context) => {
    const contacts = preloadSchema.parse(await context.req.json());
    return context.json(
      contacts.map((contact) => {
        const { id } = preload(store, contact, now());
        if (contact.stranger) foreign.protect(id);
        return { id };
      }),
      201,
    );
  });
  routes.post('/contacts/:id', async (context) => {
    const contact = store.contacts.get(Number(context.req.param('id')));
    if (!contact) return context.json({ message: 'No such contact' }, 404);
    edit(store, contact, editSchema.parse(await context.req.json()), now());
    return context.body(null, 204);
  });
  routes.delete('/contacts/:id', (context) =>
    context.json({ deleted: store.contacts.delete(Number(context.req.param('id'))) }),
  );
  routes.post('/merge', async (context) => {
    const { from, into, values } = mergeSchema.parse(await context.req.json());
    if (mergeContacts(store, { fromId: from, intoId: into, values }, now())) return context.body(null, 204);
    return context.json({ message: 'Two different contacts are required' }, 404);
  });
  routes.post('/reset', async (context) => {
    const { data } = resetSchema.parse(await context.req.json());
    if (data) store.clear();
    statistics.reset();
    foreign.reset();
    return context.body(null, 204);
  });
  routes.delete('/tags/:name', (context) => {
    const tag = [...store.tags.values()].find(({ name }) => name === context.req.param('name'));
    if (tag) {
      store.tags.delete(tag.id);
      for (const { tagIds } of store.contacts.values()) tagIds.delete(tag.id);
    }
    return context.json({ deleted: tag !== undefined });
  });
  routes.post('/ownership', async (context) => {
    foreign.declare(ownershipSchema.parse(await context.req.json()));
    return context.body(null, 204);
  });
  routes.post('/directory', async (context) => {
    const { staff, leadSources, contactTypes, allowsLeadSources, refusedCreations } = directorySchema.parse(
      await context.req.json(),
    );
    for (const email of staff) directory.addStaff(email);
    for (const name of leadSources) directory.createLeadSource(name);
    directory.contactTypes = contactTypes ?? directory.contactTypes;
    directory.allowsLeadSources = allowsLeadSources ?? directory.allowsLeadSources;
    directory.refusedCreations = refusedCreations ?? directory.refusedCreations;
    return context.body(null, 204);
  });
  // What a person creates, changes and deletes. Properties that are null are removed.
  const valuesSchema = z.looseObject({});
  const putRecord = (name: string, values: Record<string, unknown>, id?: number) => {
    const { data } = directoryNameSchema.safeParse(name);
    return data ? directory.put(data, values, id) : records.put(recordNameSchema.parse(name), values, id);
  };
  routes.post('/records/:name', async (context) => {
    const all = z.array(valuesSchema).parse(await context.req.json());
    const name = context.req.param('name');
    return context.json(
      all.map((values) => putRecord(name, values)),
      201,
    );
  });
  routes.patch('/records/:name/:id', async (context) => {
    const { name, id } = context.req.param();
    const record = putRecord(name, valuesSchema.parse(await context.req.json()), Number(id));
    return record ? context.json(record) : context.json({ message: 'No such record' }, 404);
  });
  routes.delete('/records/:name/:id', (context) => {
    const { name, id } = context.req.param();
    const { data } = directoryNameSchema.safeParse(name);
    const items = data ? directory.of(data) : records.of(recordNameSchema.parse(name));
    return context.json({ deleted: items.delete(Number(id)) });
  });
  routes.get('/directory', (context) =>
    context.json({
      staff: [...directory.staff.values()],
      leadSources: [...directory.leadSources.values()],
      companies: [...directory.companies.values()],
    }),
  );
  routes.post('/faults', async (context) => {
    faults.plan = faultPlanSchema.parse(await context.req.json());
    return context.body(null, 204);
  });
  routes.post('/search', async (context) => {
    Object.assign(search, given(searchSchema.parse(await context.req.json())));
    return context.body(null, 204);
  });
  routes.post('/answers', async (context) => {
    Object.assign(answers, given(answersSchema.parse(await context.req.json())));
    return context.body(null, 204);
  });
  routes.post('/strictness', async (context) => {
    Object.assign(strict, strictnessSchema.parse(await context.req.json()));
    return context.body(null, 204);
  });
  routes.post('/consent', async (context) => {
    Object.assign(store.addresses, given(consentSchema.parse(await context.req.json())));
    return context.body(null, 204);
  });
  routes.get('/addresses', (context) => context.json(store.addresses.all()));
  routes.post('/addresses', async (context) => {
    const { email, status, by } = addressSchema.parse(await context.req.json());
    store.addresses.set(email, status, by);
    return context.body(null, 204);
  });
  routes.post('/hidden', async (context) => {
    hidden.hide(hiddenSchema.parse(await context.req.json()), now());
    return context.body(null, 204);
  });
  routes.post('/forbidden', async (context) => {
    forbidden.clear();
    for (const email of forbiddenSchema.parse(await context.req.json()).emails)
      forbidden.add(email.toLowerCase());
    return context.body(null, 204);
  });
  routes.post('/failing', async (context) => {
    failing.clear();
    for (const email of forbiddenSchema.parse(await context.req.json()).emails)
      failing.add(email.toLowerCase());
    return context.body(null, 204);
  });
  routes.post('/bulk-refusals', async (context) => {
    refusesBulkTags.clear();
    for (const email of forbiddenSchema.parse(await context.req.json()).emails)
      refusesBulkTags.add(email.toLowerCase());
    return context.body(null, 204);
  });
  routes.post('/refused-values', async (context) => {
    refusedValues.clear();
    for (const text of z.array(z.string()).parse(await context.req.json())) refusedValues.add(text);
    return context.body(null, 204);
  });
  routes.post('/limits', async (context) => {
    const { usedByOthers, resetUsed, dayEndsInMs, wrongHeaders, ...changed } = limitsSchema.parse(
      await context.req.json(),
    );
    limits.limits = { ...limits.limits, ...given(changed) };
    if (resetUsed) limits.resetUsage();
    limits.use(usedByOthers, now());
    if (wrongHeaders) limits.wrongHeaders = wrongHeaders;
    if (dayEndsInMs !== undefined) limits.endDay(now() + dayEndsInMs);
    return context.body(null, 204);
  });
  routes.post('/oauth', async (context) => {
    const { expireNow, ...settings } = oauthSchema.parse(await context.req.json());
    oauth.change(settings);
    if (expireNow) oauth.expireAll();
    return context.body(null, 204);
  });
  routes.post('/oauth/pair', (context) => context.json(oauth.issue()));
  routes.get('/', (context) => context.html(statsPage(statistics.report(store, foreign.found))));
  return routes;
}

/** The statistics as a page that reloads every two seconds. */
function statsPage(statistics: Statistics) {
  const rows = Object.entries(statistics).map(
    ([name, value]) => html`<tr><th>${name}</th><td><pre>${JSON.stringify(value, null, 1)}</pre></td></tr>`,
  );
  return html`<!doctype html><meta charset="utf-8" /><meta http-equiv="refresh" content="2" /><title>CRM simulator</title>
    <style>body { font: 14px system-ui; margin: 2em } th { text-align: left; vertical-align: top; padding-right: 2em }</style>
    <h1>CRM simulator</h1><p><a href="/_simulator/contacts">Contacts</a></p><table>${rows}</table>`;
}

/** The settings of a request that are not undefined. */
const given = (settings: object): object =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

function preload(
  store: ContactStore,
  contact: z.output<typeof preloadSchema>[number],
  now: number,
): { id: number } {
  const stored = store.create(changesOf(store, contact), contact.isNew ? now : 0);
  for (const name of contact.tags) stored.tagIds.add(tagNamed(store, name));
  setEmailStatus(store, stored, contact.emailStatus);
  return { id: stored.id };
}

/** Values by path, those of custom fields included. Creates custom fields that the account does not have. */
function changesOf(
  store: ContactStore,
  { values, customFields }: { values: Record<string, string>; customFields: Record<string, string> },
): Map<string, string> {
  const custom = Object.entries(customFields).map(([label, value]): [string, string] => {
    const existing = [...store.customFields.values()].find((field) => field.label === label);
    return [`custom_fields.${(existing ?? store.createCustomField(label, 'Text')).id}`, value];
  });
  return new Map([...Object.entries(values), ...custom]);
}

/** Id of a tag, which is created if the account does not have it. */
function tagNamed(store: ContactStore, name: string): number {
  const existing = [...store.tags.values()].find((tag) => tag.name === name);
  return (existing ?? store.createTag(name)).id;
}

/** Changes a contact as a person does. Unlike an update by API v1, it never drops array items. */
function edit(
  store: ContactStore,
  contact: StoredContact,
  { addTags, removeTags, emailStatus, ...values }: z.output<typeof editSchema>,
  now: number,
): void {
  const changes = changesOf(store, values);
  if (changes.size > 0) store.update(contact, new Map([...contact.values, ...changes]), now);
  for (const name of addTags) contact.tagIds.add(tagNamed(store, name));
  for (const name of removeTags) contact.tagIds.delete(tagNamed(store, name));
  setEmailStatus(store, contact, emailStatus);
}

/** Sets the status of the first email of a contact, as staff do. */
function setEmailStatus(
  store: ContactStore,
  { values }: StoredContact,
  status: EmailStatus | undefined,
): void {
  const email = values.get('email_addresses.EMAIL1');
  if (status && email) store.addresses.set(email, status, 'staff');
}

function readable(store: ContactStore, { id, values, tagIds, emailStatus }: StoredContact): ReadableContact {
  const all = [...values];
  const isCustom = ([path]: [string, string]) => path.startsWith('custom_fields.');
  const label = (path: string) => store.customFields.get(Number(path.split('.')[1]))?.label ?? path;
  return {
    id,
    values: Object.fromEntries(all.filter((entry) => !isCustom(entry))),
    customFields: Object.fromEntries(all.filter(isCustom).map(([path, value]) => [label(path), value])),
    tags: [...tagIds].map((tagId) => store.tags.get(tagId)?.name ?? String(tagId)).sort(),
    emailStatus,
  };
}
