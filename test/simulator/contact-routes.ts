import { type Context, Hono } from 'hono';
import type { Changes, StoredContact } from './account/contact-store.ts';
import { searchContacts } from './account/search.ts';
import { BadRequestError, readContactRequest } from './contact-body.ts';
import { formatContact, formatListed, OPTIONAL_PROPERTIES } from './contact-format.ts';
import { pageOf } from './paging.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';
import type { StrictnessSettings } from './strictness.ts';

const DEFAULT_LIMIT = 1000;

/** `/contacts`: upsert, create, update, read, search and delete contacts. */
export function contactRoutes(simulator: Simulator): Hono<SimulatorEnv> {
  const { store, statistics, foreign, search, now, strict, answers } = simulator;
  const routes = new Hono<SimulatorEnv>();

  const create = (changes: Changes): StoredContact => {
    const contact = store.create(changes, now());
    foreign.contactCreated(store, contact);
    statistics.count('contactsCreated');
    return contact;
  };
  const update = (contact: StoredContact, changes: Changes, by: 'put' | 'patch'): void => {
    foreign.watch(store, contact, () => store.update(contact, changes, now(), by));
    statistics.count('contactsUpdated');
  };
  const respond = (context: Context, contact: StoredContact, status: 200 | 201 = 200) =>
    context.json(formatContact(contact, optionalProperties(context, strict), simulator), status);

  routes.put('/', async (context) => {
    const { changes, duplicateOption } = readContactRequest(await context.req.json(), simulator);
    const email = changes.get('email_addresses.EMAIL1');
    if (!duplicateOption) return context.json({ message: 'duplicate_option is required' }, 400);
    if (!hasEmailOrPhone(changes)) return emailOrPhoneRequired(context);
    const name = { given: changes.get('given_name') ?? '', family: changes.get('family_name') ?? '' };
    const existing = email
      ? store.findByEmail(email, duplicateOption === 'EmailAndName' ? name : undefined)
      : undefined;
    // Latency between the check and the creation: two concurrent requests can create two contacts.
    if (!existing && simulator.racyCreates) await context.var.wait();
    if (!existing) return respond(context, create(changes), answers.createdStatus);
    update(existing, changes, 'put');
    return respond(context, existing);
  });

  routes.post('/', async (context) => {
    const { changes } = readContactRequest(await context.req.json(), simulator);
    if (!hasEmailOrPhone(changes)) return emailOrPhoneRequired(context);
    return respond(context, create(changes), 201);
  });

  routes.get('/', (context) => {
    const found = searchContacts(store, context.req.query(), search.mode, now() - search.delayMs);
    const { items, ...page } = pageOf(found, context, DEFAULT_LIMIT);
    return context.json({
      contacts: items.map((contact) => formatListed(contact, optionalProperties(context, strict), simulator)),
      ...page,
    });
  });

  routes.get('/:id{[0-9]+}', (context) => {
    const contact = contactOf(simulator, context);
    return contact ? respond(context, contact) : notFound(context);
  });

  routes.patch('/:id{[0-9]+}', async (context) => {
    const contact = contactOf(simulator, context);
    if (!contact) return notFound(context);
    const { changes } = readContactRequest(await context.req.json(), simulator);
    const mask = context.req.queries('update_mask')?.flatMap((names) => names.split(','));
    const masked = [...changes].filter(([path]) => !mask || mask.includes(path.split('.')[0] ?? path));
    update(contact, new Map(masked), 'patch');
    return respond(context, contact);
  });

  routes.delete('/:id{[0-9]+}', (context) => {
    const contact = contactOf(simulator, context);
    if (!contact) return notFound(context);
    store.contacts.delete(contact.id);
    foreign.contactDeleted(contact.id);
    statistics.count('contactsDeleted');
    return context.body(null, 204);
  });
  return routes;
}

/** The contact whose id is in the path of the request, unless it is hidden. */
export const contactOf = (simulator: Simulator, context: Context): StoredContact | undefined =>
  findContact(simulator, Number(context.req.param('id')));

/** @returns undefined if the contact does not exist or is hidden. */
export const findContact = ({ store, hidden, now }: Simulator, id: number): StoredContact | undefined =>
  hidden.isHidden(id, now()) ? undefined : store.contacts.get(id);

export function notFound(context: Context) {
  return context.json({ message: 'Unable to find this Contact' }, 404);
}

const hasEmailOrPhone = (changes: Changes): boolean =>
  [...changes].some(([path, value]) => value !== '' && /^(email_addresses|phone_numbers)\./.test(path));

function emailOrPhoneRequired(context: Context) {
  return context.json({ message: 'An email or a phone number is required' }, 400);
}

/** The optional properties that a request names. @throws BadRequestError for one that the account does not know. */
function optionalProperties(context: Context, strict: StrictnessSettings): ReadonlySet<string> {
  const named = context.req.queries('optional_properties')?.flatMap((names) => names.split(',')) ?? [];
  const unknown = named.filter((name) => !OPTIONAL_PROPERTIES.includes(name));
  if (strict.withheldProperties && unknown.length > 0)
    throw new BadRequestError(`The following optional-properties are unrecognized: ${unknown.join(', ')}`);
  return new Set(named);
}
