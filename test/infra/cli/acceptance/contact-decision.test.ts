import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideContact, unrecordedContacts } from '../../../../infra/cli/acceptance/contact-decision.ts';
import { anonymousBody } from '../../../../shared/infusionsoft/anonymous-body.ts';
import type { Contact } from '../../../../shared/infusionsoft/schemas.ts';

const OWN = ['acceptance+r-1@example.com', 'acceptance+r-2@example.com'];
const withEmails = (id: number, ...emails: (string | null)[]): Contact => ({
  id,
  email_addresses: emails.map((email, index) => ({ field: `EMAIL${index + 1}`, email })),
});

const OWN_CONTACT = withEmails(7, OWN[0] ?? '');
const STARTED_AT = Date.parse('2027-03-01T12:00:00Z');

describe('a contact that a run recorded', () => {
  it.each<[string, Contact | undefined, string]>([
    ['is gone', undefined, 'none'],
    ['shows an email of the run', withEmails(7, OWN[0] ?? ''), 'delete'],
    ['shows it in other letters', withEmails(7, 'ACCEPTANCE+R-2@Example.com'), 'delete'],
    [
      'was anonymised by the deletion policy',
      { ...anonymousBody(withEmails(7, OWN[0] ?? '')), id: 7 } as Contact,
      'delete',
    ],
    ['was anonymised as another contact', withEmails(7, 'forgotten-8@example.invalid'), 'foreign'],
    ['shows the email of a person beside it', withEmails(7, OWN[0] ?? '', 'ann@example.com'), 'keep'],
    ['shows the email of a person', withEmails(7, 'ann@example.com'), 'foreign'],
    [
      'was created during the run',
      { ...OWN_CONTACT, date_created: '2027-03-01T12:00:01.000+0000' },
      'delete',
    ],
    [
      'was created long before the run',
      { ...OWN_CONTACT, date_created: '2027-02-01T12:00:00.000+0000' },
      'keep',
    ],
    ['does not tell when it was created', { ...OWN_CONTACT, date_created: null }, 'delete'],
    ['shows no email', withEmails(7, null), 'keep'],
    ['is answered as another contact', withEmails(8, OWN[0] ?? ''), 'keep'],
  ])('that %s', (_, found, action) => {
    expect(decideContact(7, found, OWN, STARTED_AT)).toMatchObject({ action });
  });

  it('is deleted only under its recorded id and only while all of its emails are those of the run', () => {
    const email = fc.oneof(
      fc.constantFrom(...OWN, 'ACCEPTANCE+R-1@EXAMPLE.COM', 'forgotten-1@example.invalid'),
      fc.constantFrom(
        'ann@example.com',
        'acceptance+r-1@example.com.evil.org',
        'acceptance+r-11@example.com',
      ),
      fc.constantFrom(null, '', undefined),
    );
    const contact = fc.record({
      id: fc.integer({ min: 1, max: 3 }),
      email_addresses: fc.option(fc.array(fc.record({ field: fc.string(), email }), { maxLength: 3 })),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.option(contact, { nil: undefined }),
        (recorded, found) => {
          if (decideContact(recorded, found, OWN, STARTED_AT).action !== 'delete') return;
          const shown = (found?.email_addresses ?? []).flatMap(({ email }) =>
            email ? [email.toLowerCase()] : [],
          );
          expect(found?.id).toBe(recorded);
          expect(shown.length).toBeGreaterThan(0);
          for (const each of shown) expect([...OWN, `forgotten-${recorded}@example.invalid`]).toContain(each);
        },
      ),
    );
  });
});

describe('a search for an email of a run', () => {
  it('names only contacts that show it and were not recorded', () => {
    const [email = ''] = OWN;
    const found = [
      withEmails(1, email),
      withEmails(2, 'ann@example.com'),
      withEmails(3, 'bob@example.com', email.toUpperCase()),
      { id: 4 },
    ];
    expect(unrecordedContacts(found, email, new Set([1]))).toEqual([3]);
  });
});
