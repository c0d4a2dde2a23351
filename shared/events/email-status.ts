import type { ConsentRecord } from '../sync/consent.ts';

/**
 * Whether marketing reaches an email address, by its status in the CRM (v2, `EmailOptStatus`). `open` addresses get marketing; `out`
 * addresses were opted out by the person or by staff; `bounced` addresses cannot be reached; all others are `neutral`.
 */
type Reach = 'open' | 'out' | 'bounced' | 'neutral';

const REACH: Readonly<Record<string, Reach>> = {
  UNENGAGED_MARKETABLE: 'open',
  SINGLE_OPT_IN: 'open',
  DOUBLE_OPT_IN: 'open',
  CONFIRMED: 'open',
  MANUAL: 'out',
  ADMIN: 'out',
  SYSTEM: 'out',
  LIST_UNSUBSCRIBE: 'out',
  FEEDBACK: 'out',
  SPAM: 'out',
  BOUNCE: 'bounced',
  HARD_BOUNCE: 'bounced',
  INVALID: 'bounced',
  DEACTIVATED: 'bounced',
};

/** @param status as version 2 writes it, for example `LIST_UNSUBSCRIBE`. An unknown status is neutral. */
const reachOf = (status: string | undefined): Reach => REACH[status ?? ''] ?? 'neutral';

/** The status that an opt-in by the API gives an address (v2). */
const OPTED_IN_BY_API = 'SINGLE_OPT_IN';
/**
 * Statuses that an opt-out by the API may give an address. No source says which one it is. Statuses with another known cause, such as
 * LIST_UNSUBSCRIBE or BOUNCE, are left out.
 */
const OPTED_OUT_BY_API = new Set(['MANUAL', 'ADMIN', 'SYSTEM', 'NON_MARKETABLE', 'UNENGAGED_NON_MARKETABLE']);

/** Whether the sync may have given an address this status by carrying out the app's consent. @param step its last step for the address. */
export function isStatusOfSync(status: string, step: ConsentRecord['step']): boolean {
  if (step === 'given' || step === 'giving') return status === OPTED_IN_BY_API;
  return step !== 'due' && OPTED_OUT_BY_API.has(status);
}

/** The status of an address that nobody has opted in or out. */
export const NEW_ADDRESS = 'NON_MARKETABLE';

export type StatusEvent = 'contact.unsubscribed' | 'contact.resubscribed' | 'contact.bounced';

/**
 * The event of a changed status. A change from neutral to open makes none: nobody had opted out or bounced.
 *
 * @param before undefined if it was not known, which makes no event.
 */
export function statusEvent(before: string | undefined, after: string | undefined): StatusEvent | undefined {
  const [from, to] = [reachOf(before), reachOf(after)];
  if (before === undefined || from === to) return undefined;
  if (to === 'out') return 'contact.unsubscribed';
  if (to === 'bounced') return 'contact.bounced';
  return to === 'open' && from !== 'neutral' ? 'contact.resubscribed' : undefined;
}
