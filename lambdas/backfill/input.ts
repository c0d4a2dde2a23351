import * as z from 'zod/mini';
import { positiveInt } from '../../shared/values.ts';
import '../../shared/zod-words.ts';

const positive = z._default(z.nullable(positiveInt), null);

const inputSchema = z.strictObject({
  /** `contacts`: users without a contact id; `tags`: users with a contact and no tags; `refresh`: all active users. */
  mode: z._default(z.enum(['contacts', 'tags', 'refresh']), 'contacts'),
  /** Sends nothing and reports what would be done. */
  dryRun: z._default(z.boolean(), false),
  /** Most users to send, or null for all. */
  limit: positive,
  /** Most requests that wait in the queue, beside those being made: what a live change may have to wait behind. Null for those of five seconds. */
  maxBacklog: z._default(z.nullable(z.int().check(z.minimum(10), z.maximum(10_000))), null),
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
