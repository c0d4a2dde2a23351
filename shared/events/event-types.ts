import * as z from 'zod/mini';
import { positiveInt } from '../zod-types.ts';

/** `Source` of the events on the bus, and the first part of their own `source`. */
export const EVENT_SOURCE = 'user-sync';

/** Version of the event types. A change that receivers have to know about gets a new version. */
const VERSION = 'v1';

const contactId = positiveInt;
/** Values of the fields that the mapping declares `inbound`, by field; null where the contact has none. */
const values = z.record(z.string(), z.nullable(z.string()));
const changed = z.object({
  contactId,
  /** Names of the fields that changed, as the mapping names them; `custom_fields.<label>` for custom fields. */
  fields: z.array(z.string()),
  values,
});
const status = z.object({
  contactId,
  /** Which of the contact's addresses: EMAIL1, EMAIL2 or EMAIL3. */
  field: z.string(),
  /** The status as version 2 of the API names it, for example LIST_UNSUBSCRIBE. */
  status: z.string(),
});
const tag = z.object({ contactId, tagId: positiveInt, tagName: z.optional(z.string()) });

/** Item kinds of the resources whose whole list is read and compared with the last listing, by the resource's name. */
const LISTED_KINDS = {
  affiliates: 'affiliate',
  appointments: 'appointment',
  campaigns: 'campaign',
  companies: 'company',
  files: 'file',
  'lead-sources': 'lead-source',
  notes: 'note',
  opportunities: 'opportunity',
  'opportunity-stages': 'opportunity-stage',
  orders: 'order',
  products: 'product',
  subscriptions: 'subscription',
  tasks: 'task',
  users: 'user',
} as const;
/** Item kinds of the resources that are read by date only, since their items are things that happen once. */
const DATED_KINDS = { emails: 'email', transactions: 'transaction' } as const;
const ITEM_KINDS = { ...LISTED_KINDS, ...DATED_KINDS };

/** A resource that the setting `events.resources` can name. */
export type PolledName = keyof typeof ITEM_KINDS;
export const POLLED_NAMES = (Object.keys(ITEM_KINDS) as PolledName[]).sort();
type ListedKind = (typeof LISTED_KINDS)[keyof typeof LISTED_KINDS];
export type ItemKind = (typeof ITEM_KINDS)[PolledName];

/** The kind of a resource's items, for example `order` of `orders`. */
export const itemKindOf = (name: PolledName): ItemKind => ITEM_KINDS[name];
/** Whether the whole list of a resource is read, which shows changes of old items and deletions. */
export const isListed = (name: PolledName): boolean => name in LISTED_KINDS;

const itemId = positiveInt;
const item = z.object({
  itemId,
  /** The contact that the item belongs to. */
  contactId: z.optional(contactId),
  /** Names of the properties that changed, as version 1 of the API names them. */
  fields: z.array(z.string()),
});
const goneItem = z.object({ itemId });

const dataOf = <Name extends string, Schema>(names: readonly Name[], schema: Schema) =>
  Object.fromEntries(names.map((name) => [name, schema])) as Record<Name, Schema>;
const itemEvents = Object.values(ITEM_KINDS).flatMap(
  (kind) => [`${kind}.created`, `${kind}.changed`] as const,
);
const goneEvents = Object.values(LISTED_KINDS).map((kind): `${ListedKind}.deleted` => `${kind}.deleted`);

/** The `data` of each kind of event. docs/events/ has the JSON schemas (`npm run docs`). */
const EVENT_DATA = {
  'contact.created': changed,
  'contact.changed': changed,
  'contact.deleted': z.object({ contactId }),
  'contact.unsubscribed': status,
  'contact.resubscribed': status,
  'contact.bounced': status,
  'tag.applied': tag,
  'tag.removed': tag,
  ...dataOf(itemEvents, item),
  ...dataOf(goneEvents, goneItem),
} as const;

export type EventKind = keyof typeof EVENT_DATA;
export const EVENT_KINDS = Object.keys(EVENT_DATA) as EventKind[];

export type EventData = { [Kind in EventKind]: z.infer<(typeof EVENT_DATA)[Kind]> };

/** The CloudEvents type of a kind, for example `crm.contact.changed.v1`. */
export const typeOf = (kind: EventKind): string => `crm.${kind}.${VERSION}`;

const envelope = {
  specversion: z.literal('1.0'),
  /** The same for the same state: a receiver that remembers ids handles each state once. */
  id: z.string(),
  /** `/user-sync/<name of the stack>`. */
  source: z.string(),
  /** The app's user id, if the contact, or the contact of the item, belongs to a user. */
  subject: z.optional(z.string()),
  /** When the change was made, if the CRM says so; otherwise when it was seen. */
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
};

/** A CloudEvent (CloudEvents 1.0, JSON format) of one kind. */
export const cloudEventSchema = <Kind extends EventKind>(kind: Kind) =>
  z.object({ ...envelope, type: z.literal(typeOf(kind)), data: EVENT_DATA[kind] });

/** A CloudEvent of any kind. */
export const anyCloudEventSchema = z.object({ ...envelope, type: z.string(), data: z.looseObject({}) });
export type CloudEvent = z.infer<typeof anyCloudEventSchema>;
