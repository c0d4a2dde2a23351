import type { Context, MiddlewareHandler } from 'hono';
import * as z from 'zod';
import type { StoredContact } from './account/contact-store.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const bodySchema = z.looseObject({
  email_addresses: z.array(z.looseObject({ email: z.string().optional() })).optional(),
});

/** Whether the client may not access a contact. */
export const isForbidden = ({ forbidden }: Simulator, contact: StoredContact | undefined): boolean =>
  forbidden.has(contact?.values.get('email_addresses.EMAIL1')?.toLowerCase() ?? '');

/** Emails, in lower case, of the contact that the body of a request creates or updates by the email. */
export async function emailsInBody({ req }: Context): Promise<string[]> {
  const { method, path } = req;
  const writesContact =
    path.endsWith('/contacts') && !path.includes('/tags/') && ['PUT', 'POST'].includes(method);
  if (!writesContact) return [];
  const { email_addresses: emails = [] } = bodySchema.parse(await req.json());
  return emails.map(({ email = '' }) => email.toLowerCase());
}

/** Answers 403 to every request about a single forbidden contact. */
export function rejectForbidden(simulator: Simulator): MiddlewareHandler<SimulatorEnv> {
  return async (context, next) => {
    const { forbidden, store } = simulator;
    const id = /\/contacts\/(\d+)/.exec(context.req.path)?.[1];
    const emails = forbidden.size > 0 ? await emailsInBody(context) : [];
    if (
      (id && isForbidden(simulator, store.contacts.get(Number(id)))) ||
      emails.some((email) => forbidden.has(email))
    )
      return context.json({ message: 'Forbidden' }, 403);
    await next();
    return undefined;
  };
}
