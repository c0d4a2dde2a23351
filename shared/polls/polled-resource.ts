import { type ItemKind, isListed, itemKindOf, type PolledName } from '../events/event-types.ts';
import { OVERLAP_MS } from '../events/watermark.ts';
import { affiliates } from '../infusionsoft/resources/affiliates.ts';
import { appointments } from '../infusionsoft/resources/appointments.ts';
import { campaigns } from '../infusionsoft/resources/campaigns.ts';
import { companies } from '../infusionsoft/resources/companies.ts';
import type { Resource } from '../infusionsoft/resources/define-resource.ts';
import { emails } from '../infusionsoft/resources/emails.ts';
import { files } from '../infusionsoft/resources/files.ts';
import { leadSources } from '../infusionsoft/resources/lead-sources.ts';
import { notes } from '../infusionsoft/resources/notes.ts';
import { opportunities } from '../infusionsoft/resources/opportunities.ts';
import { opportunityStages } from '../infusionsoft/resources/opportunity-stages.ts';
import { orders } from '../infusionsoft/resources/orders.ts';
import { products } from '../infusionsoft/resources/products.ts';
import { subscriptions } from '../infusionsoft/resources/subscriptions.ts';
import { tasks } from '../infusionsoft/resources/tasks.ts';
import { transactions } from '../infusionsoft/resources/transactions.ts';
import { users } from '../infusionsoft/resources/users.ts';

/** How a resource is polled, besides what its declaration says. */
interface Polling {
  resource: Resource;
  /** Properties that change by themselves, or repeat another resource. */
  ignored?: readonly string[];
  /** The date by which an item is listed is the time when it was created. */
  datedByCreation?: true;
  /** How far before its watermark a poll begins to read, in milliseconds. A day by default: people choose dates, and some have no time. */
  overlapMs?: number;
  /** The property with the name of an item that the sync may create. */
  name?: string;
}

const POLLED: Readonly<Record<PolledName, Polling>> = {
  affiliates: { resource: affiliates },
  appointments: { resource: appointments },
  campaigns: {
    resource: campaigns,
    ignored: ['active_contact_count', 'completed_contact_count', 'goals', 'sequences'],
  },
  companies: { resource: companies, name: 'company_name' },
  // Thousands a day, each with an exact time: a short overlap is enough, and cheaper.
  emails: {
    resource: emails,
    ignored: ['clicked_date', 'opened_date'],
    datedByCreation: true,
    overlapMs: OVERLAP_MS,
  },
  files: { resource: files, ignored: ['download_url'] },
  'lead-sources': { resource: leadSources, name: 'name' },
  notes: { resource: notes },
  opportunities: { resource: opportunities },
  'opportunity-stages': { resource: opportunityStages, ignored: ['stage_count'] },
  orders: { resource: orders },
  products: { resource: products },
  subscriptions: { resource: subscriptions },
  tasks: { resource: tasks },
  transactions: { resource: transactions, ignored: ['orders'], datedByCreation: true },
  users: { resource: users },
};

const CREATED = ['creation_date', 'date_created'];
const UPDATED = ['modification_date', 'last_updated'];
const DAY_MS = 24 * 3600_000;

/** A resource of the CRM whose changes make events. */
export interface PolledResource {
  name: PolledName;
  kind: ItemKind;
  resource: Resource;
  /** The property that identifies an item. */
  key: string;
  /** The property by which it is listed from a time on. */
  date: string | undefined;
  /** Whether its whole list is also read. */
  isListed: boolean;
  /** Properties whose changes make events. */
  compared: readonly string[];
  /** Properties that say when an item was created and last updated. */
  createdAt: string | undefined;
  updatedAt: string | undefined;
  overlapMs: number;
  nameProperty: string | undefined;
}

/** How a resource is polled, by its declaration. */
export function polledResource(name: PolledName): PolledResource {
  const { resource, ignored = [], datedByCreation, overlapMs = DAY_MS, name: nameProperty } = POLLED[name];
  const { key = 'id', list } = resource;
  const properties = Object.keys(resource.properties());
  const date = list?.dates?.of;
  const createdAt = datedByCreation ? date : properties.find((each) => CREATED.includes(each));
  const updatedAt = properties.find((each) => UPDATED.includes(each));
  const others = new Set([key, createdAt, updatedAt, 'last_updated_by', ...ignored]);
  return {
    name,
    kind: itemKindOf(name),
    resource,
    key,
    date,
    isListed: isListed(name),
    compared: properties.filter((each) => !others.has(each)),
    createdAt,
    updatedAt,
    overlapMs,
    nameProperty,
  };
}
