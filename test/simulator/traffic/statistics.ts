import type { ContactStore } from '../account/contact-store.ts';
import type { ForeignWrite } from '../account/foreign-writes.ts';
import { SlidingWindow } from './sliding-window.ts';

/** What the CRM's gateway counted since the start or the last reset. */
export interface Statistics {
  /** Admitted requests by route. */
  requests: Record<string, number>;
  totalRequests: number;
  /** Requests rejected with 429. */
  throttled: number;
  /** Requests rejected for their key or token. */
  unauthorized: number;
  /** Requests that got an injected fault. */
  faults: number;
  /** Most admitted requests in any sliding second. */
  maxRequestsInAnySecond: number;
  /** Most requests in any sliding second, including rejected ones. */
  maxArrivalsInAnySecond: number;
  /** Arrival of the first and the last admitted request, in epoch milliseconds. */
  firstRequestAt: number | null;
  lastRequestAt: number | null;
  contactsCreated: number;
  contactsUpdated: number;
  contactsDeleted: number;
  tagsApplied: number;
  tagsRemoved: number;
  foreignWrites: readonly ForeignWrite[];
  /** Addresses that the client opted in after others had opted them out, once for each time. */
  optOutsUndone: readonly string[];
  /** Contacts whose first email is also that of another contact, not counting the first of each. */
  duplicateContacts: number;
  /** Custom fields whose label another one already has. */
  duplicateCustomFields: number;
  contacts: number;
  tags: number;
}

type Counter =
  | 'throttled'
  | 'unauthorized'
  | 'faults'
  | 'contactsCreated'
  | 'contactsUpdated'
  | 'contactsDeleted'
  | 'tagsApplied'
  | 'tagsRemoved';

const NO_COUNTS: Readonly<Record<Counter, number>> = {
  throttled: 0,
  unauthorized: 0,
  faults: 0,
  contactsCreated: 0,
  contactsUpdated: 0,
  contactsDeleted: 0,
  tagsApplied: 0,
  tagsRemoved: 0,
};

/** Counts requests, writes and faults. */
export class StatisticsKeeper {
  /** Arrival times of admitted requests, in epoch milliseconds. */
  readonly times: number[] = [];
  #arrivals = new SlidingWindow(1000);
  #admitted = new SlidingWindow(1000);
  readonly #requests = new Map<string, number>();
  #maxArrivals = 0;
  #maxAdmitted = 0;
  #counts: Record<Counter, number> = { ...NO_COUNTS };

  arrived(now: number): void {
    this.#arrivals.add(now);
    this.#maxArrivals = Math.max(this.#maxArrivals, this.#arrivals.count(now));
  }

  /** @param now arrival of the request, in epoch milliseconds. */
  admitted(now: number): void {
    this.times.push(now);
    this.#admitted.add(now);
    this.#maxAdmitted = Math.max(this.#maxAdmitted, this.#admitted.count(now));
  }

  answered(route: string): void {
    this.#requests.set(route, (this.#requests.get(route) ?? 0) + 1);
  }

  count(counter: Counter, by = 1): void {
    this.#counts[counter] += by;
  }

  reset(): void {
    this.times.length = 0;
    this.#requests.clear();
    this.#arrivals = new SlidingWindow(1000);
    this.#admitted = new SlidingWindow(1000);
    this.#maxArrivals = 0;
    this.#maxAdmitted = 0;
    this.#counts = { ...NO_COUNTS };
  }

  report(store: ContactStore, foreignWrites: readonly ForeignWrite[]): Statistics {
    const emails = [...store.contacts.values()].map(({ values }) =>
      values.get('email_addresses.EMAIL1')?.toLowerCase(),
    );
    const present = emails.filter((email) => email !== undefined);
    return {
      requests: Object.fromEntries([...this.#requests].sort()),
      totalRequests: this.times.length,
      maxRequestsInAnySecond: this.#maxAdmitted,
      maxArrivalsInAnySecond: this.#maxArrivals,
      firstRequestAt: this.times[0] ?? null,
      lastRequestAt: this.times.at(-1) ?? null,
      ...this.#counts,
      foreignWrites,
      optOutsUndone: [...store.addresses.undone],
      duplicateContacts: countDuplicates(present),
      duplicateCustomFields: countDuplicates([...store.customFields.values()].map(({ label }) => label)),
      contacts: store.contacts.size,
      tags: store.tags.size,
    };
  }
}

const countDuplicates = (names: readonly string[]): number => names.length - new Set(names).size;
