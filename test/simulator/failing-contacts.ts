import type { Context, MiddlewareHandler } from 'hono';
import * as z from 'zod';
import { emailsInBody } from './forbidden-contacts.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const idsSchema = z.looseObject({ ids: z.array(z.int()).default([]) });

/**
 * Answers 500 with a message to every change of some contacts, of their tags and addresses, and to tag changes of many contacts with one of
 * them. Reads succeed. The message repeats values of the contact, as messages of the CRM can.
 */
export function failForContacts({ failing, store }: Simulator): MiddlewareHandler<SimulatorEnv> {
  const emailOf = (id: number) => store.contacts.get(id)?.values.get('email_addresses.EMAIL1') ?? '';
  return async (context, next) => {
    const emails = failing.size > 0 ? await emailsOf(context, emailOf) : [];
    const email = emails.find((each) => failing.has(each.toLowerCase()));
    if (email === undefined) return next();
    const { given_name: name = '' } = Object.fromEntries(store.findByEmail(email)?.values ?? []);
    return context.json(
      { message: `Unable to save ${name} "${email}": owner 99 is inactive\n\tat com.example.Contact.save` },
      500,
    );
  };
}

/** Emails of all contacts that a request changes. */
async function emailsOf(context: Context, emailOf: (id: number) => string): Promise<string[]> {
  const { method, path } = context.req;
  if (method === 'GET') return [];
  const [, id] = /\/contacts\/(\d+)/.exec(path) ?? [];
  if (id !== undefined) return [emailOf(Number(id))];
  const [, address] = /\/emailAddresses\/(.+)$/.exec(path) ?? [];
  if (address !== undefined) return [decodeURIComponent(address)];
  if (!/\/tags\/\d+\/contacts$/.test(path)) return emailsInBody(context);
  const ids =
    method === 'DELETE'
      ? (context.req.query('ids') ?? '').split(',').map(Number)
      : idsSchema.parse(await context.req.json()).ids;
  return ids.map(emailOf);
}
