import { type Context, Hono } from 'hono';
import * as z from 'zod';
import { LISTED_RECORDS, type PlainRecord, recordNameSchema } from './account/records.ts';
import { notFound } from './contact-routes.ts';
import { pageOf } from './paging.ts';
import type { Simulator, SimulatorEnv } from './simulator.ts';

/** Dates are written with milliseconds (v1: "ex. `2017-01-01T22:17:59.039Z`"); others are refused. */
const moment = z.iso
  .datetime({ precision: 3 })
  .transform((text) => Date.parse(text))
  .optional();
const flag = z
  .enum(['true', 'false'])
  .transform((text) => text === 'true')
  .optional();
const id = z.coerce.number().int().optional();
const paging = { limit: id, offset: id, order: z.string().optional() };

/** Filters of `GET /orders` and `GET /tasks`. An unknown one is refused. */
const orderQuery = z.strictObject({
  ...paging,
  since: moment,
  until: moment,
  paid: flag,
  contact_id: id,
  product_id: id,
  contact_name: z.string().optional(),
});
const taskQuery = z.strictObject({
  ...paging,
  since: moment,
  until: moment,
  contact_id: id,
  user_id: id,
  completed: flag,
  has_due_date: flag,
});

/** Filters that some lists accept, and that have no effect here. An unknown one is refused. */
const OTHER_FILTERS: Readonly<Record<string, readonly string[]>> = {
  affiliates: ['name', 'code', 'parent_id', 'contact_id', 'program_id', 'status', 'order_direction'],
  appointments: ['contact_id'],
  campaigns: ['search_text', 'order_direction'],
  emails: ['contact_id', 'email', 'ordered'],
  files: ['viewable', 'permission', 'type', 'name', 'contact_id'],
  notes: ['user_id', 'contact_id'],
  opportunities: ['user_id', 'stage_id', 'search_term'],
  products: ['active'],
  subscriptions: ['contact_id'],
  transactions: ['contact_id'],
};

const MODEL = { custom_fields: [], optional_properties: [] };

/** `/orders`, `/tasks` and other records of API v1: lists, single reads, and the payments and transactions of an order. */
export function recordRoutes({ records }: Simulator): Hono<SimulatorEnv> {
  const routes = new Hono<SimulatorEnv>();
  routes.get('/orders/model', (context) => context.json(MODEL));
  routes.get('/tasks/model', (context) => context.json(MODEL));

  routes.get('/orders', (context) => {
    const { paid, contact_id, product_id, ...range } = orderQuery.parse(context.req.query());
    const found = [...records.orders.values()].filter(
      (order) =>
        isWithin(order.order_date, range) &&
        is(paid, order.status === 'PAID') &&
        is(contact_id, order.contact.id) &&
        (product_id === undefined || order.order_items.some(({ product }) => product.id === product_id)),
    );
    const { items, ...page } = pageOf(found, context, 1000);
    return context.json({ orders: items.map(formatOrder), ...page });
  });
  const orderOf = (context: Context) => records.orders.get(Number(context.req.param('id')));
  routes.get('/orders/:id{[0-9]+}', (context) => {
    const order = orderOf(context);
    return order ? context.json(formatOrder(order)) : notFound(context);
  });
  routes.get('/orders/:id{[0-9]+}/payments', (context) => {
    const order = orderOf(context);
    return order ? context.json(order.payments) : notFound(context);
  });
  routes.get('/orders/:id{[0-9]+}/transactions', (context) => {
    const order = orderOf(context);
    if (!order) return notFound(context);
    const transactions = order.payments.map(({ amount, pay_date, id: paymentId }) => ({
      id: paymentId,
      amount,
      transaction_date: written(pay_date),
      order_ids: String(order.id),
    }));
    const { items, ...page } = pageOf(transactions, context, 1000);
    return context.json({ transactions: items, ...page });
  });

  routes.get('/tasks', (context) => {
    const { contact_id, user_id, completed, has_due_date, ...range } = taskQuery.parse(context.req.query());
    const found = [...records.tasks.values()].filter(
      (task) =>
        isWithin(task.due_date, range) &&
        is(contact_id, task.contact?.id) &&
        is(user_id, task.user_id) &&
        is(completed, task.completed) &&
        is(has_due_date, task.due_date !== undefined),
    );
    const { items, ...page } = pageOf(found, context, 1000);
    return context.json({ tasks: items.map(formatTask), ...page, sync_token: null });
  });
  routes.get('/tasks/:id{[0-9]+}', (context) => {
    const task = records.tasks.get(Number(context.req.param('id')));
    return task ? context.json(formatTask(task)) : notFound(context);
  });

  for (const [name, { date, since = '', until = '' }] of Object.entries<{
    date?: string;
    since?: string;
    until?: string;
  }>(LISTED_RECORDS)) {
    const schema = z.strictObject({
      ...paging,
      ...(date && { [since]: moment, [until]: moment }),
      ...Object.fromEntries((OTHER_FILTERS[name] ?? []).map((filter) => [filter, z.string().optional()])),
    });
    routes.get(`/${name}`, (context) => {
      const query: Record<string, unknown> = schema.parse(context.req.query());
      const range = {
        since: query[since] as number | undefined,
        until: query[until] as number | undefined,
      };
      const found = [...records.of(recordNameSchema.parse(name)).values()].filter(
        (record) => date === undefined || isWithin(record[date] as string | undefined, range),
      );
      const { items, ...page } = pageOf(found, context, 1000);
      return context.json({ [name]: items.map(formatRecord), ...page });
    });
  }
  routes.get('/opportunity/stage_pipeline', (context) =>
    context.json(
      [...records.of('opportunity-stages').values()].map(({ id: stage_id, ...stage }) => ({
        stage_id,
        ...stage,
      })),
    ),
  );
  return routes;
}

const is = <Value>(wanted: Value | undefined, value: Value | undefined): boolean =>
  wanted === undefined || wanted === value;

/** Whether a date is in a range. A record without the date is in none. */
function isWithin(
  date: string | undefined,
  { since, until }: { since?: number | undefined; until?: number | undefined },
): boolean {
  if (since === undefined && until === undefined) return true;
  const at = date === undefined ? Number.NaN : Date.parse(date);
  return at >= (since ?? Number.NEGATIVE_INFINITY) && at <= (until ?? Number.POSITIVE_INFINITY);
}

/** A time as the vendor's API writes it. */
const written = (moment: string): string => new Date(moment).toISOString().replace('Z', '+0000');

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const formatRecord = (record: PlainRecord): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [
      name,
      typeof value === 'string' && TIME.test(value) ? written(value) : value,
    ]),
  );

const formatOrder = ({ payments: _, order_date, ...order }: { payments: object[]; order_date: string }) => ({
  ...order,
  order_date: written(order_date),
  notes: null,
});

const formatTask = ({ due_date, ...task }: { due_date?: string | undefined }) => ({
  ...task,
  due_date: due_date === undefined ? null : written(due_date),
  description: null,
});
