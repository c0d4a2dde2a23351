import type { Config } from '../config.ts';

/** Environment variables of a function that keeps to the quota, see `shared/quota/remaining-quota.ts`. */
export function budgetVariables({ crm, backfill }: Config): Record<string, string> {
  return { LIMITS: JSON.stringify(crm.limits), LIVE_RESERVE: String(backfill.liveReserve) };
}
