import * as z from 'zod/mini';
import { positiveInt } from '../../shared/zod-types.ts';
import '../../shared/zod-messages.ts';

const positive = z._default(z.nullable(positiveInt), null);

/** Which users a run selects. Each mode has at most one run at a time. */
export const MODES = ['contacts', 'tags', 'refresh'] as const;

const inputSchema = z.strictObject({
  /** `contacts`: users without a contact id or without stored tags; `tags`: users with a contact and no tags; `refresh`: active users. */
  mode: z._default(z.enum(MODES), 'contacts'),
  /** Sends nothing, and reports what would be done. */
  dryRun: z._default(z.boolean(), false),
  /** Most users to send, or null for all. */
  limit: positive,
  /**
   * Most users in flight at the same time: a live change waits behind them. Null for as many as the pace needs. With more than 500, the
   * state of a run could exceed the 256 KiB that Step Functions allows.
   */
  maxInFlight: z._default(z.nullable(z.int().check(z.minimum(1), z.maximum(500))), null),
  /** Most requests that the run may cost, as planned, or null for what the quota allows. */
  requestBudget: positive,
});

/** The input of the state machine. `{}` is a backfill of contacts. */
export type BackfillInput = z.output<typeof inputSchema>;

/** The input of the execution is not valid. */
export class InvalidInputError extends Error {
  override name = 'InvalidInputError';
}

/** @throws InvalidInputError that names every invalid field and its valid values. */
export function parseInput(input: unknown): BackfillInput {
  const result = inputSchema.safeParse(input ?? {});
  if (result.success) return result.data;
  throw new InvalidInputError(
    `The input of the backfill is not valid. Example: {"mode": "contacts", "dryRun": true}.\n${z.prettifyError(result.error)}`,
  );
}
