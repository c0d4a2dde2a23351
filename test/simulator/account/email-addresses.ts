import type { StrictnessSettings } from '../strictness.ts';

/** Names of a status (v1, `email_status`), as they are shown for a contact. */
export const EMAIL_STATUSES = [
  'UnengagedMarketable',
  'SingleOptIn',
  'DoubleOptin',
  'Confirmed',
  'UnengagedNonMarketable',
  'NonMarketable',
  'Lockdown',
  'Bounce',
  'HardBounce',
  'Manual',
  'Admin',
  'System',
  'ListUnsubscribe',
  'Feedback',
  'Spam',
  'Invalid',
  'Deactivated',
] as const;
export type EmailStatus = (typeof EMAIL_STATUSES)[number];

/** Statuses that an opt-in reason changes to `SingleOptIn` ("unconfirmed"). All others stay as they are (v1). */
const OPT_IN_CHANGES: ReadonlySet<EmailStatus> = new Set([
  'UnengagedMarketable',
  'UnengagedNonMarketable',
  'NonMarketable',
  'Manual',
]);
const MARKETABLE: ReadonlySet<EmailStatus> = new Set([
  'SingleOptIn',
  'DoubleOptin',
  'Confirmed',
  'UnengagedMarketable',
]);
/** Statuses of addresses that are not opted out. */
const OPEN: ReadonlySet<EmailStatus> = new Set([...MARKETABLE, 'UnengagedNonMarketable', 'NonMarketable']);

/** Names of statuses in answers about an address (v1, `RestEmailAddress`), which differ from those of a contact. */
export const ADDRESS_STATUS_NAMES: Readonly<Record<EmailStatus, string>> = {
  UnengagedMarketable: 'Unengaged Marketable',
  SingleOptIn: 'Unconfirmed',
  DoubleOptin: 'Confirmed',
  Confirmed: 'Confirmed (Legacy)',
  UnengagedNonMarketable: 'Unengaged NonMarketable',
  NonMarketable: 'Non-marketable',
  Lockdown: 'Lockdown',
  Bounce: 'Soft Bounce',
  HardBounce: 'Hard Bounce',
  Manual: 'Opt-Out',
  Admin: 'Opt-Out: Admin',
  System: 'Opt-Out: System',
  ListUnsubscribe: 'List Unsubscribe',
  Feedback: 'Provided Feedback',
  Spam: 'Reported Spam',
  Invalid: 'Invalid Email',
  Deactivated: 'Deactivated/Delinquent Mailbox',
};

/** Who changed a status: the API's client, or others in the CRM. */
export type ChangedBy = 'client' | 'staff' | 'person';

/** A change of an address, or an attempt of the client that changed nothing. */
export interface AddressEvent {
  by: ChangedBy;
  what: 'opt-in' | 'opt-out';
  before: EmailStatus;
  after: EmailStatus;
}

/** An address with its status. Consent belongs to it, not to a contact: it stays when the contact is deleted. */
export interface StoredAddress {
  email: string;
  status: EmailStatus;
  /** Oldest first. */
  events: AddressEvent[];
}

/** The email addresses of the account. Case is ignored. */
export class EmailAddresses {
  readonly #addresses = new Map<string, StoredAddress>();
  /** Opt-ins by the client of addresses that others had opted out. */
  readonly undone: string[] = [];
  /** Status of an address that the CRM did not know. */
  newStatus: EmailStatus = 'NonMarketable';
  /** Status of an address that the client opts out. The vendor does not say which. */
  withdrawnStatus: EmailStatus = 'Manual';
  readonly #strict: Pick<StrictnessSettings, 'statusOfAddress'>;

  constructor(strict: Pick<StrictnessSettings, 'statusOfAddress'>) {
    this.#strict = strict;
  }

  get(email: string): StoredAddress {
    const key = email.toLowerCase();
    const found = this.#addresses.get(key) ?? { email: key, status: this.newStatus, events: [] };
    this.#addresses.set(key, found);
    return found;
  }

  /** The status of an address; null without one. */
  statusOf(email: string | undefined): EmailStatus | null {
    return email === undefined ? null : this.get(email).status;
  }

  /** The client opts an address in, with a reason. */
  optIn(email: string): void {
    const address = this.get(email);
    if (isOptedOutByOthers(address) && OPT_IN_CHANGES.has(address.status)) this.undone.push(email);
    const isChanged = OPT_IN_CHANGES.has(address.status) || !this.#strict.statusOfAddress;
    this.#change(email, 'client', 'opt-in', isChanged ? 'SingleOptIn' : address.status);
  }

  /** The client opts an address out. An address that is opted out already keeps its status. */
  withdraw(email: string): void {
    const { status } = this.get(email);
    this.#change(email, 'client', 'opt-out', OPEN.has(status) ? this.withdrawnStatus : status);
  }

  /** Staff or the person changes the status in the CRM. */
  set(email: string, status: EmailStatus, by: 'staff' | 'person'): void {
    this.#change(email, by, OPEN.has(status) ? 'opt-in' : 'opt-out', status);
  }

  all(): StoredAddress[] {
    return [...this.#addresses.values()];
  }

  clear(): void {
    this.#addresses.clear();
    this.undone.length = 0;
  }

  #change(email: string, by: ChangedBy, what: AddressEvent['what'], after: EmailStatus): void {
    const address = this.get(email);
    address.events.push({ by, what, before: address.status, after });
    address.status = after;
  }
}

export const isMarketable = (status: string | null): boolean => MARKETABLE.has(status as EmailStatus);

/** Whether the address is opted out, and it was not the client who did that. */
export function isOptedOutByOthers({ status, events }: StoredAddress): boolean {
  if (OPEN.has(status)) return false;
  // A second opt-out changes nothing, so the first one counts.
  const last = events.findLast(({ before, after }) => OPEN.has(before) !== OPEN.has(after));
  return last?.by !== 'client';
}
