import * as z from 'zod';
import { limitsSchema } from './limits.ts';
import type { Budget } from './standing.ts';

/** A text that holds JSON. */
export const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    context.addIssue({ code: 'custom', message: 'must be JSON' });
    return z.NEVER;
  }
});

/** The environment variables of a function that keeps to the quota. */
export const budgetSettings = {
  /** The contract's limits: {@link limitsSchema} as JSON. */
  LIMITS: jsonText.pipe(limitsSchema),
  LIVE_RESERVE: z.coerce.number().min(0).max(1),
};

/** @returns the budget that those variables hold. */
export const budgetOf = (settings: {
  LIMITS: z.infer<typeof limitsSchema>;
  LIVE_RESERVE: number;
}): Budget => ({
  limits: settings.LIMITS,
  liveReserve: settings.LIVE_RESERVE,
});
