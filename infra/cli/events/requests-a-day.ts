import * as z from 'zod';
import { POLLED_NAMES } from '../../../shared/events/event-types.ts';
import { polledResource } from '../../../shared/polls/polled-resource.ts';
import type { Budget } from '../../../shared/quota/remaining-quota.ts';
import { textTable } from '../support/text-table.ts';

/** Settings of events that determine the requests: the stack's output `EventSettings`. */
export const pollSettingsSchema = z.object({
  intervalMinutes: z.number(),
  optOutMinutes: z.number(),
  listing: z.string(),
  resources: z.array(z.enum(POLLED_NAMES)),
});
export type PollSettings = z.infer<typeof pollSettingsSchema>;

/** Sizes of an account. */
export interface AccountSizes {
  contacts: number;
  /** Addresses that get no marketing. */
  optOuts: number;
  /** Contacts that change in a day, and tags that are applied. */
  changes: number;
  /** Items of each resource. */
  items: number;
  /** Items of each resource that are new in a day, or have a date in the future. */
  newItems: number;
}

/** Sizes that the docs use in calculations. */
export const USUAL_SIZES: AccountSizes = {
  contacts: 60_000,
  optOuts: 6_000,
  changes: 600,
  items: 20_000,
  newItems: 200,
};

interface PollRequests {
  /** What is polled. */
  poll: string;
  requestsADay: number;
}

const PAGE = 1000;
/** Items that a page by offset reads again (`shared/infusionsoft/resources/paging.ts`). */
const OVERLAP = 10;
const DAY_MINUTES = 1440;

/** Requests for a list in pages with tokens. */
const pages = (items: number): number => Math.max(1, Math.ceil(items / PAGE));
/** Requests for a list in pages by offset: it ends with a page that is not full. */
const offsetPages = (items: number): number =>
  items < PAGE ? 1 : Math.floor((items - PAGE) / (PAGE - OVERLAP)) + 2;

function requestsOf(paging: 'offset' | 'token' | 'none' | undefined, items: number): number {
  if (paging === 'none') return 1;
  return paging === 'token' ? pages(items) : offsetPages(items);
}

/**
 * Requests to the CRM that polls make in a day, without those for names of tags and custom fields. Assumes that changes are spread evenly.
 *
 * @returns a row for each list that is polled.
 */
export function requestsADay(settings: PollSettings, sizes: AccountSizes): PollRequests[] {
  const { contacts, optOuts, changes, items, newItems } = sizes;
  const polls = DAY_MINUTES / settings.intervalMinutes;
  const listings = listingsADay(settings.listing);
  const resources = settings.resources.map(polledResource);
  return [
    { poll: 'changed contacts', requestsADay: polls * pages(changes / polls) },
    { poll: 'applied tags', requestsADay: polls * pages(changes / polls) },
    {
      poll: 'addresses without marketing',
      requestsADay: (DAY_MINUTES / settings.optOutMinutes) * pages(optOuts),
    },
    { poll: 'full listing of contacts', requestsADay: listings * pages(contacts) },
    ...resources.flatMap(({ name, date, isListed, resource: { list } }) => [
      ...(date === undefined
        ? []
        : [{ poll: `${name} by ${date}`, requestsADay: polls * offsetPages(newItems) }]),
      ...(isListed
        ? [
            {
              poll: `full listing of ${name}`,
              requestsADay: listings * requestsOf(list?.paging, items),
            },
          ]
        : []),
    ]),
  ].map(({ poll, requestsADay: requests }) => ({ poll, requestsADay: Math.round(requests) }));
}

const MINUTES: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: DAY_MINUTES };

/** Listings in a day. A cron expression counts as one. */
function listingsADay(listing: string): number {
  if (listing === 'off') return 0;
  const [, count, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(listing) ?? [];
  return count === undefined ? 1 : DAY_MINUTES / (Number(count) * (MINUTES[unit] ?? DAY_MINUTES));
}

export const totalOf = (polls: readonly PollRequests[]): number =>
  polls.reduce((sum, { requestsADay: requests }) => sum + requests, 0);

/** Completes the sizes that are given with the usual ones. */
export function sizesOf(given: { [Name in keyof AccountSizes]?: number | undefined }): AccountSizes {
  const known = Object.fromEntries(Object.entries(given).filter(([, size]) => size !== undefined));
  const optOuts = Math.round((given.contacts ?? USUAL_SIZES.contacts) / 10);
  return { ...USUAL_SIZES, optOuts, ...known };
}

interface RequestsReport {
  sizes: AccountSizes;
  polls: PollRequests[];
  requestsADay: number;
  /** Share of the contract's daily limit, in percent. */
  percentOfDay: number;
}

export function requestsReport(
  settings: PollSettings,
  sizes: AccountSizes,
  { limits }: Pick<Budget, 'limits'>,
): RequestsReport {
  const polls = requestsADay(settings, sizes);
  const sum = totalOf(polls);
  return { sizes, polls, requestsADay: sum, percentOfDay: Math.round((10_000 * sum) / limits.day) / 100 };
}

export function requestsText({ sizes, polls, requestsADay: sum, percentOfDay }: RequestsReport): string {
  const { contacts, optOuts, changes, items, newItems } = sizes;
  const rows = polls.map(({ poll, requestsADay: requests }) => [poll, requests.toLocaleString('en')]);
  return [
    `${contacts.toLocaleString('en')} contacts, ${optOuts.toLocaleString('en')} addresses without marketing, ${changes.toLocaleString('en')} changes a day; ` +
      `${items.toLocaleString('en')} items of each resource, ${newItems.toLocaleString('en')} new a day\n\n`,
    textTable(['poll', 'requests a day'], [...rows, ['all', sum.toLocaleString('en')]], [1]),
    `\n${percentOfDay} % of the day's limit\n`,
  ].join('');
}
