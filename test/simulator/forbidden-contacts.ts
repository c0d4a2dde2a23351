import type { MiddlewareHandler } from 'hono';
import * as z from 'zod';
import type { StoredContact } from './account/contact-store.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const bodySchema = z.looseObject({
  email_addresses: z.array(z.looseObject({ email: z.string().optional() })).optional(),
});

/** Whether the client may not access a contact. */
export const isForbidden = ({ forbidden }: Simulator, contact: StoredContact | undefined): boolean =>
  forbidden.has(contact?.values.get('email_addresses.EMAIL1')?.toLowerCase() ?? '');

/** Answers 403 to every request about a single forbidden contact. */
export function rejectForbidden(simulator: Simulator): MiddlewareHandler<SimulatorEnv> {
  return async (context, next) => {
    const { forbidden, store } = simulator;
    const { method, path } = context.req;
    const id = /\/contacts\/(\d+)/.exec(path)?.[1];
    const writesContact =
      path.endsWith('/contacts') && !path.includes('/tags/') && ['PUT', 'POST'].includes(method);
    const emails =
      forbidden.size > 0 && writesContact
        ? (bodySchema.parse(await context.req.json()).email_addresses ?? []).map(({ email = '' }) => email)
        : [];
    if (
      (id && isForbidden(simulator, store.contacts.get(Number(id)))) ||
      emails.some((email) => forbidden.has(email.toLowerCase()))
    )
      return context.json({ message: 'Forbidden' }, 403);
    await next();
    return undefined;
  };
}
