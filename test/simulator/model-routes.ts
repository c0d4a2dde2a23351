import { Hono } from 'hono';
import * as z from 'zod';
import type { StoredCustomField } from './contact-store.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const customFieldSchema = z.object({
  label: z.string().min(1),
  field_type: z.enum([
    'Text',
    'TextArea',
    'Date',
    'DateTime',
    'WholeNumber',
    'DecimalNumber',
    'Currency',
    'YesNo',
    'Dropdown',
    'ListBox',
    'PhoneNumber',
    'Website',
    'Email',
  ]),
});

/** `/contacts/model`: the account's custom fields. Two with one label are possible, so nobody should make them twice. */
export function modelRoutes({ store }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/', (context) =>
    context.json({
      custom_fields: [...store.customFields.values()].map(format),
      optional_properties: ['custom_fields', 'job_title', 'lead_source_id', 'notes', 'opt_in_reason'],
    }),
  );
  routes.post('/customFields', async (context) => {
    const body = customFieldSchema.safeParse(await context.req.json());
    if (!body.success) return context.json({ message: z.prettifyError(body.error) }, 400);
    return context.json(format(store.createCustomField(body.data.label, body.data.field_type)), 201);
  });
  return routes;
}

const format = ({ id, label, fieldType }: StoredCustomField) => ({
  id,
  label,
  field_type: fieldType,
  record_type: 'CONTACT',
  options: [],
  default_value: null,
});
