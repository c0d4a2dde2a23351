import { describe, expect, it } from 'vitest';
import { readableFailure } from '../../../../infra/cli/crm/failures.ts';
import { CommandError } from '../../../../infra/cli/support/command-error.ts';
import { commandWith } from '../../../../infra/cli/support/stack-option.ts';
import { ForbiddenError, NotFoundError } from '../../../../shared/infusionsoft/http/failures.ts';
import { PausedError } from '../../../../shared/infusionsoft/http/request-gate.ts';
import { UnexpectedAnswerError } from '../../../../shared/infusionsoft/resources/page.ts';
import { RejectedError, RetryableError } from '../../../../shared/sync/errors.ts';

const command = commandWith(' --stack other');
const NOON = Date.parse('2026-06-15T12:00:00Z');

describe('a failure of a read', () => {
  it.each<[Error, RegExp]>([
    [new ForbiddenError('403'), /may not read orders \(403\): the plan .* or the scope/],
    [new NotFoundError('404'), /does not have orders/],
    [
      new PausedError('day', 'The quota of the day is spent until 2026', 5),
      /until 2026. Run the command again after that/,
    ],
    [new RetryableError('Exceeded', { afterMs: 3_600_000 }), /again after 2026-06-15T13:00:00.000Z/],
    [
      new RetryableError('No answer'),
      /could not be read: No answer. See npx --no user-sync quota --stack other and /,
    ],
    [new RejectedError('refused-by-crm', 'Refused (400)'), /Refused \(400\): a filter, field or value/],
    [new UnexpectedAnswerError('No list'), /^No list\. 2,000 rows were printed before this error\.$/],
  ])('%s is a sentence that says what to do, and how much was printed', (error, sentence) => {
    const shown = readableFailure(error, { what: 'orders', rows: 2000, command }, NOON);
    expect(shown).toBeInstanceOf(CommandError);
    expect((shown as Error).message).toMatch(sentence);
    expect((shown as Error).message).toContain('2,000 rows were printed before this error.');
  });

  it('that nobody expects stays as it is', () => {
    const error = new TypeError('x is not a function');
    expect(readableFailure(error, { what: 'orders', command })).toBe(error);
  });
});
