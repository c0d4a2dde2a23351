import * as z from 'zod/mini';
import { positiveInt } from '../../shared/zod-types.ts';
import '../../shared/zod-messages.ts';

const positive = z._default(z.nullable(positiveInt), null);

/** Which users a run is about. One run of each mode goes on at a time. */
export const MODES = ['contacts', 'tags', 'refresh'] as const;

const inputSchema = z.strictObject({
  /** `contacts`: users without a contact id; `tags`: users with a contact and no tags; `refresh`: all active users. */
  mode: z._default(z.enum(MODES), 'contacts'),
  /** Sends nothing and reports what would be done. */
  dryRun: z._default(z.boolean(), false),
  /** Most users to send, or null for all. */
  limit: positive,
  /**
   * Most users that are worked on at the same time: a live change waits behind them. Null for as many as fill the pace. With more than 500
   * the state of a run could exceed the 256 KiB that Step Functions allows.
   */
  maxInFlight: z._default(z.nullable(z.int().check(z.minimum(1), z.maximum(500))), null),
  /** Most requests that the run may cost, as planned, or null for what the quota allows. */
  requestBudget: positive,
});

/** What a person starts the state machine with. `{}` means contacts. */
export type BackfillInput = z.output<typeof inputSchema>;

/** The input of the execution is none that the backfill takes. */
export class InvalidInputError extends Error {
  override name = 'InvalidInputError';
}

/** @throws InvalidInputError that names every wrong field and says what it may be. */
export function parseInput(input: unknown): BackfillInput {
  const result = inputSchema.safeParse(input ?? {});
  if (result.success) return result.data;
  throw new InvalidInputError(
    `The input is not one of a backfill, for example {"mode": "contacts", "dryRun": true}.\n${z.prettifyError(result.error)}`,
  );
}
