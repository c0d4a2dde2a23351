import * as z from 'zod/mini';
import { limitsSchema } from './limits.ts';
import type { Budget } from './remaining-quota.ts';

/** A text that holds JSON. */
export const jsonText = z.pipe(
  z.string(),
  z.transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      context.issues.push({ code: 'custom', message: 'must be JSON', input: text });
      return z.NEVER;
    }
  }),
);

/** The environment variables of a function that keeps to the quota. */
export const budgetSettings = {
  /** The contract's limits: {@link limitsSchema} as JSON. */
  LIMITS: z.pipe(jsonText, limitsSchema),
  LIVE_RESERVE: z.coerce.number().check(z.minimum(0), z.maximum(1)),
};

/** @returns the budget that those variables hold. */
export const budgetOf = (settings: {
  LIMITS: z.infer<typeof limitsSchema>;
  LIVE_RESERVE: number;
}): Budget => ({
  limits: settings.LIMITS,
  liveReserve: settings.LIVE_RESERVE,
});
