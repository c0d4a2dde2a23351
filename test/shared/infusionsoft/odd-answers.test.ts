import fc from 'fast-check';
import { expect, it } from 'vitest';
import { infusionsoftClient } from '../../../shared/infusionsoft/client.ts';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import { observationOf } from '../../../shared/infusionsoft/http/limit-headers.ts';
import { RejectedError, RetryableError } from '../../../shared/sync/errors.ts';

const bodies = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '<html><body>502</body></html>',
    '{"id": 12, "given_na',
    '{"id": null}',
    '{"id": "12"}',
    '{"contacts": {}}',
    '{"tags": null}',
    '[{"id": 1}]',
    'null',
    `{"id": 1, "x": "${'y'.repeat(1_000_000)}"}`,
  ),
);
const statuses = fc.constantFrom(200, 201, 301, 400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503);
const METHODS = {
  upsert: (client: ReturnType<typeof infusionsoftClient>) => client.upsertContact({}),
  update: (client: ReturnType<typeof infusionsoftClient>) => client.updateContact(1, {}),
  read: (client: ReturnType<typeof infusionsoftClient>) => client.readContact(1),
  find: (client: ReturnType<typeof infusionsoftClient>) => client.findContactsByEmail('a@example.com'),
  remove: (client: ReturnType<typeof infusionsoftClient>) => client.removeTags(1, [1]),
  apply: (client: ReturnType<typeof infusionsoftClient>) => client.applyTags(1, [1]),
  tags: (client: ReturnType<typeof infusionsoftClient>) => client.listTags(),
  fields: (client: ReturnType<typeof infusionsoftClient>) => client.listCustomFields(),
};

it.concurrent.each(Object.entries(METHODS))(
  '%s turns any answer into a result or a known error',
  async (_, method) => {
    await fc.assert(
      fc.asyncProperty(bodies, statuses, async (body, status) => {
        let asked = 0;
        const fetch = async () => {
          // The second answer ends the retries.
          if (asked++ > 0) throw new RetryableError('enough', { afterMs: 0 });
          return new Response(body, { status, headers: { 'retry-after': '0' } });
        };
        const client = infusionsoftClient({ url: 'http://crm.local', fetch });
        try {
          await method(client);
          expect(status).toBeLessThan(400);
        } catch (error) {
          const classes = [NotFoundError, RejectedError, RetryableError];
          expect(classes.some((each) => error instanceof each)).toBe(true);
          if (error instanceof RejectedError) expect([301, 400, 409, 413, 422]).toContain(status);
        }
      }),
      { numRuns: 60 },
    );
  },
  60_000,
);

it('reads any headers without an error', () => {
  const text = fc.stringMatching(/^[\x20-\x7e]{0,30}$/);
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 4, maxLength: 4 }),
      ([used = '', limit = '', unit = '', end = '']) => {
        const headers = new Headers({
          'x-keap-product-quota-used': used,
          'x-keap-product-quota-limit': limit,
          'x-keap-product-quota-time-unit': unit,
          'x-keap-product-quota-expiry-time': end,
        });
        const { dayUsed, dayLimit, dayResetsAt } = observationOf(headers, Date.now());
        for (const value of [dayUsed, dayLimit, dayResetsAt]) {
          if (value !== undefined) expect(Number.isSafeInteger(value)).toBe(true);
        }
      },
    ),
  );
});
