/** Which contacts answer 404 although they exist, and for how long. */
export interface Hiding {
  contactIds: readonly number[];
  /** Share of all contacts, from 0 to 1. */
  share: number;
  /** Milliseconds. */
  forMs: number;
}

/** Contacts that requests by id do not find for a while. Searches and upserts by email still find them. */
export class HiddenContacts {
  #hidden: { contactIds: ReadonlySet<number>; share: number; until: number } | undefined;

  /** Replaces what was hidden before. @param now epoch milliseconds. */
  hide({ contactIds, share, forMs }: Hiding, now: number): void {
    this.#hidden = { contactIds: new Set(contactIds), share, until: now + forMs };
  }

  /** @param now epoch milliseconds. */
  isHidden(contactId: number, now: number): boolean {
    if (!this.#hidden || now >= this.#hidden.until) return false;
    return this.#hidden.contactIds.has(contactId) || position(contactId) < this.#hidden.share;
  }
}

/** The place of a contact among all, from 0 to 1: always the same, and spread evenly (Fibonacci hashing). */
const position = (contactId: number): number => (Math.imul(contactId, 0x9e3779b1) >>> 0) / 2 ** 32;
