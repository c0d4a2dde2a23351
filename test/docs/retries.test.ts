import { HTTPError } from 'ky';
import { describe, expect, it } from 'vitest';
import { toFailure } from '../../shared/infusionsoft/http/failures.ts';
import { REQUEST_RETRY } from '../../shared/quota/retry-policy.ts';
import { RejectedError } from '../../shared/sync/errors.ts';
import { retryTable } from './retry-table.ts';

describe('docs/retries.md', () => {
  const { consumer, others } = retryTable();

  const failureOf = (status: number, isAboutContact: boolean): Error => {
    const error = new HTTPError(
      new Response(null, { status }),
      new Request(`http://crm.local/crm/rest/v1/${isAboutContact ? 'contacts/7' : 'tags'}`),
      {} as ConstructorParameters<typeof HTTPError>[2],
    );
    error.data = { message: 'User 99 does not exist' };
    return toFailure(error, Date.now());
  };

  it('has the errors that the client throws for each status', () => {
    for (const { statuses = [], error, later } of consumer)
      for (const status of statuses) {
        const failure = failureOf(status, error === 'ContactFaultError');
        expect(error).toContain(failure.name);
        expect([status, failure instanceof RejectedError]).toEqual([status, later.startsWith('never')]);
      }
  });

  it('has every status that a request is retried for', () => {
    const named = consumer.flatMap(({ statuses = [] }) => statuses);
    expect(named).toEqual(expect.arrayContaining([...REQUEST_RETRY.statusCodes]));
  });

  it('is shown in docs/retries.md (npm run docs writes it)', async () => {
    const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
    const head = (...cells: string[]) => [row(cells), row(cells.map(() => '---'))];
    const page = [
      '# Retries',
      '',
      'When and how often each failure is retried. To change a delay or a number of attempts, edit',
      '[shared/quota/retry-policy.ts](../shared/quota/retry-policy.ts), then run `npm run docs`, which writes this page. Jitter adds up to half of',
      'the wait until the next delivery, and up to 30 s after a wait of a known length.',
      '',
      '## Changes on their way to the CRM (sync-contact)',
      '',
      ...head('Status', 'Failure', 'Error', 'In the same invocation', 'Next delivery of the message'),
      ...consumer.map(({ statuses = [], failure, error = '', inInvocation, later }) =>
        row([statuses.join(', '), failure, error, inInvocation, later]),
      ),
      '',
      '## Everything else',
      '',
      ...head('Failure', 'In the same invocation', 'Later'),
      ...others.map(({ failure, inInvocation, later }) => row([failure, inInvocation, later])),
      '',
    ].join('\n');
    await expect(page).toMatchFileSnapshot('../../docs/retries.md');
  });
});
