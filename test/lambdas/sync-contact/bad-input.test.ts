import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotFoundError } from '../../../shared/infusionsoft/http/failures.ts';
import { consumerOf, record } from '../../support/consumer-under-test.ts';
import { memoryUserTable, startCrm } from '../../support/crm-under-test.ts';
import { userMessage } from '../../support/user-message.ts';

let crm: Awaited<ReturnType<typeof startCrm>>;
beforeAll(async () => {
  crm = await startCrm();
  await crm.catalog.current();
});
afterAll(() => crm.stop());

const ANN = { userId: 'ann', email: 'ann@example.com', firstName: 'Ann' };
const EMAILS = [
  'a@b.co',
  'first.last+tag@sub.example.org',
  '"quoted local"@example.com',
  'üñí@example.com',
  'user@münchen.example',
  'a@[127.0.0.1]',
  'no-at.example.com',
  'two@@example.com',
  '@example.com',
  'ends.with.dot.@example.com',
  'spaces in@example.com',
  `${'x'.repeat(70)}@example.com`,
  'a@b',
  ' padded@example.com ',
  'line\nbreak@example.com',
];
const wild = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withSet: true, withMap: true, withTypedArray: true }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\uD800', '\uDFFF lone', '𝒜𝓃𝓃 🦊', '\u0000', 'x'.repeat(400_000), '12', 1e308, Number.NaN),
);
/** Without the numbers that DynamoDB cannot store. */
const storable = wild.filter((value) => typeof value !== 'number' || Number.isFinite(value));
const items = fc.record(
  {
    email: fc.oneof(wild, fc.constantFrom(...EMAILS)),
    firstName: wild,
    phone: wild,
    locale: wild,
    timeZone: wild,
    marketingOptIn: wild,
    appDownloadDate: wild,
    subscription: fc.oneof(wild, fc.record({ status: wild })),
    progress: fc.oneof(wild, fc.record({ program: wild, week: wild, workoutsCompleted: wild })),
    lastActiveAt: wild,
    crm: fc.oneof(wild, fc.record({ contactId: wild, tagIds: wild, fingerprint: wild, revision: storable })),
  },
  { requiredKeys: [] },
);

describe('a batch', () => {
  it('with any item in the table is handled, and other users are synced', async () => {
    await fc.assert(
      fc.asyncProperty(items, async (attributes) => {
        const users = memoryUserTable({ ...attributes, userId: 'odd' }, ANN);
        const { receive, outcomes, retries } = consumerOf(crm, users);
        await receive(record(userMessage('odd')), record(userMessage('ann')));
        expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
        expect(outcomes).toHaveLength(2);
        // An item can name a contact that the CRM does not know. It is asked for again, since a 404 can pass.
        for (const { error } of retries) expect(error.cause).toBeInstanceOf(NotFoundError);
      }),
      { numRuns: 150 },
    );
  });

  it('with any message is handled, and other users are synced', async () => {
    const bodies = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc
        .record({ version: wild, kind: fc.constantFrom('user', 'other'), userId: wild, cause: wild })
        .map((message) =>
          JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
        ),
      fc.constantFrom('', 'null', '[]', '{"version":1,"kind":"user"}', 'x'.repeat(262_144)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(bodies, { maxLength: 5 }), async (odd) => {
        const users = memoryUserTable(ANN);
        const { receive, rejected } = consumerOf(crm, users);
        const odds = odd.map((body, index) => record(body, `odd-${index}`));
        expect(await receive(...odds, record(userMessage('ann')))).toEqual([]);
        expect(users.user('ann').crm?.contactId).toBeGreaterThan(0);
        expect(rejected.map(({ error }) => error.reason)).toEqual(odd.map(() => 'unreadable-message'));
      }),
      { numRuns: 100 },
    );
  });
});
