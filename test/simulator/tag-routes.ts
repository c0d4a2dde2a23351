import { type Context, Hono } from 'hono';
import * as z from 'zod';
import type { StoredContact, StoredTag } from './account/contact-store.ts';
import { matches } from './account/search.ts';
import { contactOf, findContact, notFound } from './contact-routes.ts';
import { isForbidden } from './forbidden-contacts.ts';
import { pageOf } from './paging.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const MAX_IDS = 100;
const idsSchema = z.array(z.int()).min(1).max(MAX_IDS);
const tagSchema = z.object({
  name: z.string().min(1),
  description: z.string().nullish(),
  category: z.object({ id: z.int() }).nullish(),
});

const categorySchema = z.object({ name: z.string().min(1), description: z.string().nullish() });

/** `/tags`, `/tags/{id}/contacts` and `/contacts/{id}/tags`. */
export function tagRoutes(simulator: Simulator): Hono<SimulatorEnv> {
  const { store, directory, statistics, foreign, search, answers, refusesBulkTags } = simulator;
  const routes = new Hono<SimulatorEnv>();
  const idsOf = (context: Context) =>
    idsSchema.safeParse((context.req.query('ids') ?? '').split(',').map(Number)).data;
  const badIds = (context: Context) =>
    context.json({ message: `Between 1 and ${MAX_IDS} ids are required` }, 400);
  /** Answers 400 to a request about one tag of many contacts if one of them refuses it. Then no contact is changed. */
  const refuseBulk = (context: Context, ids: readonly number[]) => {
    const emails = ids.map((id) => store.contacts.get(id)?.values.get('email_addresses.EMAIL1') ?? '');
    if (!emails.some((email) => refusesBulkTags.has(email.toLowerCase()))) return undefined;
    return context.json({ message: 'A contact cannot be changed' }, 400);
  };

  const apply = (contact: StoredContact | undefined, tagId: number): string => {
    if (!contact) return 'CONTACT_NOT_FOUND';
    if (isForbidden(simulator, contact)) return 'NO_PERMISSION';
    if (!store.tags.has(tagId)) return 'TAG_ID_NOT_FOUND';
    if (contact.tagIds.has(tagId)) return 'DUPLICATE';
    foreign.watch(store, contact, () => contact.tagIds.add(tagId));
    statistics.count('tagsApplied');
    return 'SUCCESS';
  };
  const remove = (contact: StoredContact | undefined, tagId: number): void => {
    if (!contact?.tagIds.has(tagId)) return;
    foreign.watch(store, contact, () => contact.tagIds.delete(tagId));
    statistics.count('tagsRemoved');
  };
  const format = ({ id, name, description, categoryId }: StoredTag) => ({
    id,
    name,
    description,
    category: store.tagCategories.get(categoryId ?? Number.NaN) ?? null,
  });
  const results = (entries: [number, string][]) =>
    answers.tagResults === 'object'
      ? Object.fromEntries(entries)
      : entries.map(([id, result]) => ({ [id]: result }));

  routes.get('/tags', (context) => {
    const { name, category } = context.req.query();
    const found = [...store.tags.values()].filter(
      (tag) => matches(search.mode, name, tag.name) && (!category || tag.categoryId === Number(category)),
    );
    const { items, ...page } = pageOf(found, context, 1000);
    return context.json({ tags: items.map(format), ...page });
  });
  routes.get('/tags/:id{[0-9]+}', (context) => {
    const tag = store.tags.get(Number(context.req.param('id')));
    return tag ? context.json(format(tag)) : notFound(context);
  });
  routes.post('/tags', async (context) => {
    const tag = tagSchema.safeParse(await context.req.json());
    if (!tag.success) return context.json({ message: z.prettifyError(tag.error) }, 400);
    const { name, description, category } = tag.data;
    if (directory.refusedCreations.includes(name))
      return context.json({ message: 'The maximum number of tags is reached' }, 400);
    if (category && !store.tagCategories.has(category.id)) {
      return context.json({ message: `Tag category ${category.id} does not exist` }, 400);
    }
    foreign.resourceCreated('tag', name);
    return context.json(format(store.createTag(name, description ?? '', category?.id)));
  });
  routes.post('/tags/categories', async (context) => {
    const category = categorySchema.safeParse(await context.req.json());
    if (!category.success) return context.json({ message: z.prettifyError(category.error) }, 400);
    return context.json(store.createTagCategory(category.data.name, category.data.description ?? ''));
  });

  routes.get('/contacts/:id{[0-9]+}/tags', (context) => {
    const contact = contactOf(simulator, context);
    if (!contact) return notFound(context);
    const { items, ...page } = pageOf([...contact.tagIds], context, 1000);
    const tags = items.map((id) => ({ tag: { id, name: store.tags.get(id)?.name } }));
    return context.json({ tags, ...page });
  });
  routes.post('/contacts/:id{[0-9]+}/tags', async (context) => {
    const body = z.object({ tagIds: idsSchema }).safeParse(await context.req.json());
    if (!body.success) return badIds(context);
    const contact = contactOf(simulator, context);
    return context.json(results(body.data.tagIds.map((id) => [id, apply(contact, id)])));
  });
  routes.delete('/contacts/:id{[0-9]+}/tags', (context) => {
    const ids = idsOf(context);
    const contact = contactOf(simulator, context);
    if (!ids) return badIds(context);
    if (!contact) return notFound(context);
    for (const id of ids) remove(contact, id);
    return context.body(null, 204);
  });

  routes.get('/tags/:id{[0-9]+}/contacts', (context) => {
    const tagId = Number(context.req.param('id'));
    const tagged = [...store.contacts.values()].filter(({ tagIds }) => tagIds.has(tagId));
    const { items, ...page } = pageOf(tagged, context, 1000);
    return context.json({ contacts: items.map(({ id }) => ({ contact: { id } })), ...page });
  });
  routes.post('/tags/:id{[0-9]+}/contacts', async (context) => {
    const body = z.object({ ids: idsSchema }).safeParse(await context.req.json());
    if (!body.success) return badIds(context);
    const refusal = refuseBulk(context, body.data.ids);
    if (refusal) return refusal;
    const tagId = Number(context.req.param('id'));
    return context.json(results(body.data.ids.map((id) => [id, apply(findContact(simulator, id), tagId)])));
  });
  routes.delete('/tags/:id{[0-9]+}/contacts', (context) => {
    const ids = idsOf(context);
    if (!ids) return badIds(context);
    const refusal = refuseBulk(context, ids);
    if (refusal) return refusal;
    for (const id of ids) remove(findContact(simulator, id), Number(context.req.param('id')));
    return context.body(null, 204);
  });
  return routes;
}
