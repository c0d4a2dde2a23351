import { Hono } from 'hono';
import * as z from 'zod';
import type { StoredCustomField } from './account/contact-store.ts';
import { OPTIONAL_PROPERTIES } from './contact-format.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

const customFieldSchema = z.object({
  label: z.string().min(1),
  field_type: z.enum([
    'Currency',
    'Date',
    'DateTime',
    'DayOfWeek',
    'DecimalNumber',
    'Drilldown',
    'Dropdown',
    'Email',
    'ListBox',
    'Month',
    'Name',
    'Percent',
    'PhoneNumber',
    'Radio',
    'SocialSecurityNumber',
    'State',
    'Text',
    'TextArea',
    'User',
    'UserListBox',
    'Website',
    'WholeNumber',
    'Year',
    'YesNo',
  ]),
  options: z.array(z.object({ label: z.string().min(1) })).default([]),
});

/** `/contacts/model`: the account's custom fields. As in the real CRM, labels are not unique. */
export function customFieldRoutes({ store, directory, foreign }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/', (context) =>
    context.json({
      custom_fields: [...store.customFields.values()].map(format),
      optional_properties: OPTIONAL_PROPERTIES,
    }),
  );
  routes.post('/customFields', async (context) => {
    const body = customFieldSchema.safeParse(await context.req.json());
    if (!body.success) return context.json({ message: z.prettifyError(body.error) }, 400);
    const { label, field_type, options } = body.data;
    if (directory.refusedCreations.includes(label))
      return context.json({ message: 'The maximum number of custom fields is reached' }, 400);
    const field = store.createCustomField(
      label,
      field_type,
      options.map((option) => option.label),
    );
    foreign.resourceCreated('custom field', label);
    return context.json(format(field), 201);
  });
  return routes;
}

const format = ({ id, label, fieldType, options }: StoredCustomField) => ({
  id,
  label,
  field_type: fieldType,
  record_type: 'CONTACT',
  options,
});
