import * as z from 'zod';

const contactSchema = z.looseObject({ id: z.int() });

const orderSchema = z.looseObject({
  title: z.string().default('Order'),
  status: z.enum(['PAID', 'UNPAID']).default('UNPAID'),
  order_date: z.iso.datetime(),
  contact: contactSchema,
  order_items: z.array(z.looseObject({ product: z.looseObject({ id: z.int() }) })).default([]),
  payments: z.array(z.looseObject({ amount: z.number(), pay_date: z.iso.datetime() })).default([]),
});
const taskSchema = z.looseObject({
  title: z.string().default('Task'),
  completed: z.boolean().default(false),
  due_date: z.iso.datetime().optional(),
  contact: contactSchema.optional(),
  user_id: z.int().optional(),
});

type Order = z.output<typeof orderSchema> & { id: number };
type Task = z.output<typeof taskSchema> & { id: number };

/** Resources whose records can only be listed, by a date if one is named here. */
export const LISTED_RECORDS = {
  affiliates: {},
  appointments: { date: 'start_date', since: 'since', until: 'until' },
  campaigns: {},
  emails: { date: 'sent_date', since: 'since_sent_date', until: 'until_sent_date' },
  files: {},
  notes: {},
  opportunities: {},
  products: {},
  subscriptions: {},
  transactions: { date: 'transaction_date', since: 'since', until: 'until' },
} as const satisfies Record<string, { date?: string; since?: string; until?: string }>;
type ListedRecord = keyof typeof LISTED_RECORDS;
const LISTED = Object.keys(LISTED_RECORDS) as ListedRecord[];

/** A record with the properties that a person gave it. */
export interface PlainRecord {
  id: number;
  [property: string]: unknown;
}

export const recordNameSchema = z.enum([...LISTED, 'orders', 'tasks', 'opportunity-stages']);
export type RecordName = z.infer<typeof recordNameSchema>;

/** The account's records besides contacts. */
export class Records {
  readonly orders = new Map<number, Order>();
  readonly tasks = new Map<number, Task>();
  readonly #others = new Map<string, Map<number, PlainRecord>>();
  #lastId = 0;

  /** Records of a resource, by id. */
  of(name: RecordName): Map<number, PlainRecord> {
    if (name === 'orders') return this.orders as Map<number, PlainRecord>;
    if (name === 'tasks') return this.tasks as Map<number, PlainRecord>;
    const records = this.#others.get(name) ?? new Map<number, PlainRecord>();
    this.#others.set(name, records);
    return records;
  }

  /** Creates a record, or changes one. A property that is null is removed. @returns undefined if there is no such record. */
  put(name: RecordName, values: Record<string, unknown>, id?: number): PlainRecord | undefined {
    if (id === undefined) return this.#create(name, values);
    const record = this.of(name).get(id);
    if (!record) return undefined;
    for (const [property, value] of Object.entries(values))
      if (value === null) delete record[property];
      else record[property] = value;
    return record;
  }

  #create(name: RecordName, values: Record<string, unknown>): PlainRecord {
    const order = name === 'orders' ? orderSchema.parse(values) : undefined;
    const payments = order?.payments.map((payment) => ({ ...payment, id: ++this.#lastId }));
    const other = name === 'tasks' ? taskSchema.parse(values) : values;
    const created = { ...(order ? { ...order, payments } : other), id: ++this.#lastId };
    this.of(name).set(created.id, created);
    return created;
  }
}
