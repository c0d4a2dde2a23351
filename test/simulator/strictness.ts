import * as z from 'zod';

/** A rule by which the simulator is as strict as the worst reading of what is known about the CRM. */
interface Strictness {
  what: string;
  /** What the simulator does when the switch is off. */
  off: string;
  /** Who says so. */
  source: string;
  isOn: boolean;
}

const SDK = 'The vendor’s client keap-core-v2-sdk 2.0.26 (PyPI)';

/** The strictnesses, by the names of their switches. docs/simulator.md shows them (`npm run docs`). */
export const STRICTNESSES = {
  withheldProperties: {
    what: 'A contact shows most properties only if the request names them in `optional_properties`. A name that the account does not know is refused.',
    off: 'A contact shows all properties but custom fields, job title and lead source. Any name is accepted.',
    source: 'Requests and answers of 2021; [fields.md](fields.md) has the properties',
    isOn: true,
  },
  timeZones: {
    what: '`time_zone` is one of the vendor’s list, as far as a copy of it could be read.',
    off: 'Any text.',
    source:
      '[FAQ of the vendor](https://developer.infusionsoft.com/faqs/what-timezones-do-contact-calls-accept)',
    isOn: true,
  },
  locales: {
    what: '`preferred_locale` has five characters, as `en_US`.',
    off: 'A language of two or three letters, with or without a region.',
    source: 'Example in the contract of version 1; the plugin wp-fusion-lite leaves out others',
    isOn: true,
  },
  provinces: {
    what: 'A region is a code or a name of the list of its country, and is stored as the name. `CA` is refused, `US-CA` and `California` are not.',
    off: 'Any text.',
    source:
      'Vendor’s forum, [thread 93909](https://integration.keap.com/t/rest-v1-create-or-update-end-point-billing-region-is-invalid-bug/93909); [help page](https://help.infusionsoft.com/help/rest-api-contact-region-location-update)',
    isOn: true,
  },
  lengths: {
    what: 'Each text has its own maximum length.',
    off: 'Only the first email (75) and the names (40) have one.',
    source: `${SDK}; [fields.md](fields.md) has the lengths`,
    isOn: true,
  },
  readOnlyNumber: {
    what: 'A phone number shows `number_e164`, and a request that sends it back is refused.',
    off: 'Answers lack it, and requests may have it.',
    source: `${SDK}, \`PhoneNumber\``,
    isOn: true,
  },
  oneZipCode: {
    what: 'An address with both `postal_code` and `zip_code` is refused. Answers have both.',
    off: 'Both are accepted, and answers have what was sent.',
    source: 'Contract of version 1, `ContactAddress`: “instead of postal_code, not in addition to”',
    isOn: true,
  },
  offsetWithoutColon: {
    what: 'Times in answers end in `+0000`, which is not the form of ISO 8601 that JavaScript writes.',
    off: 'They end in `Z`.',
    source: 'Answers of 2021',
    isOn: true,
  },
  statusOfAddress: {
    what: 'The status of an email address decides whether an opt-in works, and stays when its contact is deleted.',
    off: 'An opt-in always works.',
    source: 'Contract of version 1, `opt_in_reason`; vendor’s forum, thread 82773',
    isOn: true,
  },
  unnamedRefusals: {
    what: 'A refusal of a value does not say which field it is about.',
    off: 'It names the field, as in “BILLING region is invalid”.',
    source: 'Not known for most fields. Vendor’s forum, thread 93909, shows one that names it',
    isOn: false,
  },
} as const satisfies Record<string, Strictness>;

export type StrictnessName = keyof typeof STRICTNESSES;
/** Which strictnesses are on. */
export type StrictnessSettings = Record<StrictnessName, boolean>;

export const STRICTNESS_NAMES = Object.keys(STRICTNESSES) as StrictnessName[];

/** Changes of the switches, as a request body. */
export const strictnessSchema = z.partialRecord(z.enum(STRICTNESS_NAMES), z.boolean());

/** The default switches, with changes. */
export const strictnessWith = (changes: Partial<StrictnessSettings> = {}): StrictnessSettings => ({
  ...(Object.fromEntries(
    STRICTNESS_NAMES.map((name) => [name, STRICTNESSES[name].isOn]),
  ) as StrictnessSettings),
  ...changes,
});
