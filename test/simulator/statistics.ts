import type { ContactStore } from './contact-store.ts';
import type { ForeignWrite } from './ownership.ts';
import { SlidingWindow } from './sliding-window.ts';

/** What happened at the CRM's door since the start or the last reset. */
export interface Statistics {
  /** Admitted requests by route. */
  requests: Record<string, number>;
  totalRequests: number;
  /** Requests refused for being past a limit. */
  throttled: number;
  /** Requests refused for their key or token. */
  unauthorized: number;
  /** Requests that went wrong on purpose. */
  faults: number;
  /** Most admitted requests in any sliding second. */
  maxRequestsInAnySecond: number;
  /** Most arrivals in any sliding second, refused ones too. */
  maxArrivalsInAnySecond: number;
  /** Arrivals of the first and the last admitted request, in epoch milliseconds. */
  firstRequestAt: number | null;
  lastRequestAt: number | null;
  contactsCreated: number;
  contactsUpdated: number;
  contactsDeleted: number;
  tagsApplied: number;
  tagsRemoved: number;
  foreignWrites: readonly ForeignWrite[];
  /** Emails that are the first address of more than one contact. */
  duplicateContacts: number;
  /** Custom fields beyond the first with their label. */
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

const NOTHING: Readonly<Record<Counter, number>> = {
  throttled: 0,
  unauthorized: 0,
  faults: 0,
  contactsCreated: 0,
  contactsUpdated: 0,
  contactsDeleted: 0,
  tagsApplied: 0,
  tagsRemoved: 0,
};

/** Counts what happens. */
export class StatisticsKeeper {
  /** Arrivals of admitted requests, in epoch milliseconds. */
  readonly times: number[] = [];
  #arrivals = new SlidingWindow(1000);
  #admitted = new SlidingWindow(1000);
  readonly #requests = new Map<string, number>();
  #maxArrivals = 0;
  #maxAdmitted = 0;
  #counts: Record<Counter, number> = { ...NOTHING };

  arrived(now: number): void {
    this.#arrivals.add(now);
    this.#maxArrivals = Math.max(this.#maxArrivals, this.#arrivals.count(now));
  }

  /** A request was let in. @param now its arrival. */
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
    this.#counts = { ...NOTHING };
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
      duplicateContacts: repeated(present),
      duplicateCustomFields: repeated([...store.customFields.values()].map(({ label }) => label)),
      contacts: store.contacts.size,
      tags: store.tags.size,
    };
  }
}

const repeated = (names: readonly string[]): number => names.length - new Set(names).size;
