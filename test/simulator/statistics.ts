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
  /** Requests that went wrong on purpose. */
  faults: number;
  /** Most admitted requests in any sliding second. */
  maxRequestsInAnySecond: number;
  /** Most arrivals in any sliding second, refused ones too. */
  maxArrivalsInAnySecond: number;
  contactsCreated: number;
  contactsUpdated: number;
  contactsDeleted: number;
  tagsApplied: number;
  tagsRemoved: number;
  foreignWrites: readonly ForeignWrite[];
  /** Emails that are the first address of more than one contact. */
  duplicateContacts: number;
  contacts: number;
  tags: number;
}

type Counter =
  | 'throttled'
  | 'faults'
  | 'contactsCreated'
  | 'contactsUpdated'
  | 'contactsDeleted'
  | 'tagsApplied'
  | 'tagsRemoved';

/** Counts what happens. */
export class StatisticsKeeper {
  /** Arrivals of admitted requests, in epoch milliseconds with fractions. */
  readonly times: number[] = [];
  readonly #arrivals = new SlidingWindow(1000);
  readonly #admitted = new SlidingWindow(1000);
  #requests = new Map<string, number>();
  #maxArrivals = 0;
  #maxAdmitted = 0;
  #counts: Record<Counter, number> = {
    throttled: 0,
    faults: 0,
    contactsCreated: 0,
    contactsUpdated: 0,
    contactsDeleted: 0,
    tagsApplied: 0,
    tagsRemoved: 0,
  };

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
      ...this.#counts,
      foreignWrites,
      duplicateContacts: present.length - new Set(present).size,
      contacts: store.contacts.size,
      tags: store.tags.size,
    };
  }
}
