import { expect, it } from 'vitest';
import { contactBody } from '../../../shared/infusionsoft/contact-body.ts';

it('writes a plan as the CRM reads it, and a cleared field as an empty text', () => {
  const ids: Record<string, number> = { Program: 11, 'Program Week': 12 };
  const body = contactBody(
    {
      write: { EMAIL1: 'ann@example.com', given_name: 'Ann', 'custom_fields.Program': 'Strength' },
      clear: ['PHONE1', 'family_name', 'custom_fields.Program Week'],
    },
    (label) => ids[label] ?? 0,
  );
  expect(body).toEqual({
    email_addresses: [{ field: 'EMAIL1', email: 'ann@example.com' }],
    phone_numbers: [{ field: 'PHONE1', number: '' }],
    given_name: 'Ann',
    family_name: '',
    custom_fields: [
      { id: 11, content: 'Strength' },
      { id: 12, content: '' },
    ],
  });
});

it('writes nothing that is not in the plan', () => {
  expect(contactBody({ write: {}, clear: [] }, () => 0)).toEqual({});
});
