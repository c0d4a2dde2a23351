import { expect, it } from 'vitest';
import {
  ADDRESS_FIELDS,
  ADDRESS_PARTS,
  addressPartMax,
  CONTACT_FIELDS,
  contactField,
  type FieldKind,
  SOURCE_TYPES,
  type StandardField,
} from '../../shared/user/contact-fields.ts';

const KINDS: Readonly<Record<FieldKind, string>> = {
  text: 'text',
  email: 'email address',
  phone: 'phone number, written in E.164',
  address: 'postal address, see below',
  social: 'name of an account',
  date: 'ISO 8601 date',
  website: 'web address',
  timeZone: 'IANA time zone, see below',
  locale: 'locale of five characters, such as `en_US`',
  option: `one of ${SOURCE_TYPES.map((type) => `\`${type}\``).join(', ')}`,
  choice: 'one of the names that the mapping lists',
  staff: 'email of a member of staff',
  company: 'name of a company',
};
const SHOWN = { always: 'yes', named: 'if the request names the property', never: 'never' };
const SINGULAR = {
  email_addresses: true,
  phone_numbers: true,
  fax_numbers: true,
  addresses: true,
  social_accounts: true,
};

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' ');

it('docs/fields.md shows every field of a contact (npm run docs writes it)', async () => {
  const fields = (Object.keys(CONTACT_FIELDS) as StandardField[]).map((field) => {
    const { property, kind, max, isCut, shown, label, isClearable } = contactField(field);
    return row([
      `\`${field}\``,
      label,
      `\`${property in SINGULAR ? `${property}[]` : property}\``,
      KINDS[kind],
      max === undefined ? '' : `${max}`,
      max === undefined ? '' : isCut ? 'cut' : 'left out',
      SHOWN[shown],
      isClearable === false ? 'no' : 'yes',
    ]);
  });
  const page = [
    '# Fields of a contact',
    '',
    'Written by `npm run docs` from the table in [shared/user/contact-fields.ts](../shared/user/contact-fields.ts), which also drives the types of the',
    'mapping, normalisation, the request bodies, erasure, and the checks of the [simulator](simulator.md). [mapping.md](mapping.md) shows how to map them.',
    '',
    row([
      'Key in the mapping',
      'In the CRM',
      'Property of the API',
      'Value',
      'Longest',
      'If longer',
      'Shown in answers',
      'Can be cleared',
    ]),
    row(Array(8).fill('---')),
    ...fields,
    '',
    '## Addresses',
    '',
    'Lines and the locality are cut, a longer postal code is left out.',
    '',
    row(['', ...ADDRESS_PARTS.map((part) => `\`${part}\``)]),
    row(Array(ADDRESS_PARTS.length + 1).fill('---')),
    ...ADDRESS_FIELDS.map((field) =>
      row([`\`${field}\``, ...ADDRESS_PARTS.map((part) => `${addressPartMax(field, part)}`)]),
    ),
    '',
    'The country is a code of three letters (ISO 3166-1). A region is a code or a name of the list that the account has for the country, for example',
    '`US-CA`, `CA` or `California`, and is written as the code. The sync reads the list of a country when the first user has an address there',
    '(`GET /locales/countries/{code}/provinces`), and again after a month. Another region is left out with a warning. Of the two codes that the API has,',
    'the sync writes `postal_code`.',
    '',
    '## Time zones',
    '',
    'The CRM accepts [some of the IANA time zones](https://developer.infusionsoft.com/faqs/what-timezones-do-contact-calls-accept). Another zone is written as',
    'one of them that has the same offsets from 2027 to 2031, `Europe/Paris` as `Europe/Berlin`, with a warning; if there is none, as one whose clocks',
    'change within the same day, `Europe/Helsinki` as `Asia/Beirut`. A zone that no other resembles is left out.',
    '',
    '## Not in the mapping',
    '',
    '| Property | Why |',
    '| --- | --- |',
    '| `opt_in_reason` | Consent belongs to an address, not to a contact ([consent.md](consent.md)) |',
    '| `origin` | The IP address of a person: only of use when a contact is created, and personal data that the app should not keep |',
    '| `extension` and `type` of a phone number, `type` of a fax number | What people typed in stays as it is. The numbers of the app are complete |',
    '| `zip_code`, `zip_four` | `postal_code` takes all codes |',
    '',
    '## Refused values',
    '',
    'If the CRM still refuses a value (400 or 422), the sync leaves out that field only: [mapping.md](mapping.md#values-that-the-crm-refuses).',
    '',
  ].join('\n');
  await expect(page).toMatchFileSnapshot('../../docs/fields.md');
});
