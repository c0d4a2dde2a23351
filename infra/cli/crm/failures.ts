import { ForbiddenError, NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import { PausedError } from '../../../shared/infusionsoft/http/request-gate.ts';
import { UnexpectedAnswerError } from '../../../shared/infusionsoft/resources/page.ts';
import { NotSupportedError } from '../../../shared/infusionsoft/resources/reader.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';
import { CommandError } from '../support/command-error.ts';
import type { Outputs } from '../support/connect.ts';

/** What was being read when the error occurred. */
interface Reading {
  /** As the person named it: `contacts`, or `contacts/17`. */
  what: string;
  /** Rows that were printed before. */
  rows?: number;
  /** As `Outputs.command`. */
  command: Outputs['command'];
}

/** Turns the failure of a read into a sentence that says what to do. Other errors stay as they are. */
export function readableFailure(
  error: unknown,
  { what, rows = 0, command }: Reading,
  now = Date.now(),
): unknown {
  const after = rows > 0 ? ` ${rows.toLocaleString('en')} rows were printed before this error.` : '';
  const say = (message: string) => new CommandError(`${message}${after}`, { cause: error });
  if (error instanceof NotFoundError) return say(`The CRM does not have ${what} (404).`);
  if (error instanceof ForbiddenError)
    return say(
      `The credentials may not read ${what} (403): the plan of the account or the scope of the key does not include it. ` +
        `See ${command('authorize')}.`,
    );
  if (error instanceof PausedError) return say(`${error.message}. Run the command again after that.`);
  if (error instanceof RejectedError)
    return say(`${error.message}: a filter, field or value that this account does not accept.`);
  if (error instanceof UnexpectedAnswerError || error instanceof NotSupportedError)
    return say(`${error.message}.`);
  if (error instanceof RetryableError && error.afterMs !== undefined)
    return say(
      `${error.message}. Run the command again after ${new Date(now + error.afterMs).toISOString()}.`,
    );
  if (error instanceof RetryableError)
    return say(
      `${what} could not be read: ${error.message}. See ${command('quota')} and ${command('authorize')}.`,
    );
  return error;
}

/** Reports properties whose values do not have the declared type. The values are shown as they are. */
export function reportMismatches(places: ReadonlySet<string>): void {
  if (places.size === 0) return;
  process.stderr.write(
    `! Values that do not have the declared type are shown as they are: ${[...places].join(', ')}\n`,
  );
}
