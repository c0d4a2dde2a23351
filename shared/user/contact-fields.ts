/*
 * The fields of a contact that the API lets a client write (v1, `CreateOrPatchContact`), as one table. It drives the types of the mapping,
 * normalisation, the request body, what is read and blanked, the checks of the simulator, and docs/fields.md (`npm run docs`).
 */

/**
 * What a field's value is. `text`: a text of its own; `option`: one of the API's own names; `choice`: a name of the account, which the
 * mapping lists; `staff`: the email of a member of staff; `company`: the name of a company; `social`: the name of an account in a network.
 */
export type FieldKind =
  | 'text'
  | 'email'
  | 'phone'
  | 'address'
  | 'social'
  | 'date'
  | 'website'
  | 'timeZone'
  | 'locale'
  | 'option'
  | 'choice'
  | 'staff'
  | 'company';

interface ContactFieldRule {
  /** Property of a contact in the API. Several fields of one property are the items of an array. */
  property: string;
  kind: FieldKind;
  /** Longest value that the CRM accepts, in characters. Undefined: the form of the value limits it. */
  max?: number;
  /** Whether a longer text is cut. A cut email, number or address is a wrong one, so those are left out. */
  isCut?: boolean;
  /**
   * Whether answers have the property: always, only if the request names it in `optional_properties`, or never (v1 in use). Answers may
   * lack any property.
   */
  shown: 'always' | 'named' | 'never';
  /** Name in the user interface of the CRM. */
  label: string;
  /** False if an empty text does not clear the field. */
  isClearable?: false;
}

/** Longest text where the vendor names no length, in characters. */
export const TEXT_MAX = 255;

const name = (label: string, max: number, shown: 'always' | 'named') => ({
  kind: 'text' as const,
  max,
  isCut: true,
  shown,
  label,
});
const email = (label: string, max: number) => ({
  property: 'email_addresses' as const,
  kind: 'email' as const,
  max,
  shown: 'always' as const,
  label,
});
const phone = (label: string, max: number) => ({
  property: 'phone_numbers' as const,
  kind: 'phone' as const,
  max,
  shown: 'always' as const,
  label,
});
const fax = (label: string) => ({
  property: 'fax_numbers' as const,
  kind: 'phone' as const,
  max: TEXT_MAX,
  shown: 'named' as const,
  label,
});
const address = (label: string) => ({
  property: 'addresses' as const,
  kind: 'address' as const,
  shown: 'always' as const,
  label,
});
const social = (label: string, shown: 'named' | 'never') => ({
  property: 'social_accounts' as const,
  kind: 'social' as const,
  max: TEXT_MAX,
  shown,
  label,
});

/**
 * The writable fields of a contact, by their keys in the mapping. Lengths are those that the vendor's client keap-core-v2-sdk 2.0.26 (PyPI)
 * enforces or describes; version 1 names none, and {@link TEXT_MAX} is assumed where neither does. What answers show was observed in 2021.
 */
export const CONTACT_FIELDS = {
  EMAIL1: { ...email('Email', 75), isClearable: false },
  EMAIL2: email('Email 2', 100),
  EMAIL3: email('Email 3', 100),
  given_name: { property: 'given_name', ...name('First name', 40, 'always') },
  middle_name: { property: 'middle_name', ...name('Middle name', 100, 'always') },
  family_name: { property: 'family_name', ...name('Last name', 40, 'always') },
  preferred_name: { property: 'preferred_name', ...name('Preferred name', 100, 'named') },
  prefix: { property: 'prefix', ...name('Title', TEXT_MAX, 'named') },
  suffix: { property: 'suffix', ...name('Suffix', TEXT_MAX, 'named') },
  spouse_name: { property: 'spouse_name', ...name('Spouse name', 100, 'named') },
  PHONE1: phone('Phone 1', 40),
  PHONE2: phone('Phone 2', 40),
  PHONE3: phone('Phone 3', 40),
  PHONE4: phone('Phone 4', 20),
  PHONE5: phone('Phone 5', 20),
  FAX1: fax('Fax 1'),
  FAX2: fax('Fax 2'),
  BILLING: address('Billing address'),
  SHIPPING: address('Shipping address'),
  OTHER: address('Other address'),
  job_title: { property: 'job_title', ...name('Job title', 255, 'named') },
  company: {
    property: 'company',
    kind: 'company',
    max: TEXT_MAX,
    isCut: true,
    shown: 'always',
    label: 'Company',
    isClearable: false,
  },
  website: { property: 'website', kind: 'website', max: 100, shown: 'named', label: 'Website' },
  birthday: { property: 'birthday', kind: 'date', shown: 'named', label: 'Birthday' },
  anniversary: { property: 'anniversary', kind: 'date', shown: 'named', label: 'Anniversary' },
  time_zone: { property: 'time_zone', kind: 'timeZone', shown: 'named', label: 'Time zone' },
  preferred_locale: { property: 'preferred_locale', kind: 'locale', shown: 'named', label: 'Language' },
  contact_type: {
    property: 'contact_type',
    kind: 'choice',
    max: TEXT_MAX,
    shown: 'named',
    label: 'Person type',
  },
  lead_source: {
    property: 'lead_source_id',
    kind: 'choice',
    max: TEXT_MAX,
    shown: 'named',
    label: 'Lead source',
    isClearable: false,
  },
  source_type: {
    property: 'source_type',
    kind: 'option',
    shown: 'named',
    label: 'Source type',
    isClearable: false,
  },
  owner: {
    property: 'owner_id',
    kind: 'staff',
    max: 75,
    shown: 'always',
    label: 'Owner',
    isClearable: false,
  },
  Facebook: social('Facebook', 'named'),
  Twitter: social('Twitter', 'named'),
  LinkedIn: social('LinkedIn', 'named'),
  Instagram: social('Instagram', 'never'),
  Snapchat: social('Snapchat', 'never'),
  YouTube: social('YouTube', 'never'),
  Pinterest: social('Pinterest', 'never'),
} as const satisfies Record<string, ContactFieldRule>;

/** Fields that contacts have in every account. */
export type StandardField = keyof typeof CONTACT_FIELDS;

/** Fields of a kind. */
export type FieldOfKind<Kind extends FieldKind> = {
  [Field in StandardField]: (typeof CONTACT_FIELDS)[Field]['kind'] extends Kind ? Field : never;
}[StandardField];

/** The rule of a field, without the literal types of the table. */
export const contactField = (field: StandardField): ContactFieldRule => CONTACT_FIELDS[field];

export const isStandardField = (key: string): key is StandardField => Object.hasOwn(CONTACT_FIELDS, key);

const ALL = Object.keys(CONTACT_FIELDS) as StandardField[];

/** Fields of some kinds, in the order of the table. */
export function fieldsOfKind<Kind extends FieldKind>(...kinds: Kind[]): FieldOfKind<Kind>[] {
  return ALL.filter((field) =>
    (kinds as FieldKind[]).includes(contactField(field).kind),
  ) as FieldOfKind<Kind>[];
}

/** Fields that are the items of an array property of the API. */
export const fieldsOfProperty = (property: string): StandardField[] =>
  ALL.filter((field) => contactField(field).property === property);

/** Of the optional properties that an account knows, those in which the sync may have values. An unknown name would be refused (v1). */
export const namedProperties = (known: readonly string[]): string[] =>
  known.filter((property) =>
    ALL.some((field) => contactField(field).property === property && contactField(field).shown === 'named'),
  );

export const ADDRESS_FIELDS = fieldsOfKind('address');
export const SOCIAL_FIELDS = fieldsOfKind('social');
/** Networks whose accounts the CRM stores and never returns. */
export const UNREADABLE_NETWORKS = SOCIAL_FIELDS.filter((field) => contactField(field).shown === 'never');

/** Where a contact came from (v1, `source_type`). */
export const SOURCE_TYPES = [
  'APPOINTMENT',
  'FORMAPIHOSTED',
  'FORMAPIINTERNAL',
  'WEBFORM',
  'INTERNALFORM',
  'LANDINGPAGE',
  'IMPORT',
  'MANUAL',
  'API',
  'OTHER',
  'UNKNOWN',
] as const;
export type SourceType = (typeof SOURCE_TYPES)[number];

/** Parts of an address that the sync writes, in the order of the value. Of `postal_code` and `zip_code`, an address may have one (v1). */
export const ADDRESS_PARTS = ['line1', 'line2', 'locality', 'region', 'postal_code', 'country_code'] as const;
export type AddressPart = (typeof ADDRESS_PARTS)[number];

/** Longest part of an address that the CRM accepts, in characters. A longer postal code is left out, other parts are cut. */
export function addressPartMax(field: FieldOfKind<'address'>, part: AddressPart): number {
  switch (part) {
    case 'line1':
    case 'line2':
      return field === 'BILLING' ? 75 : 100;
    case 'locality':
      return field === 'BILLING' ? 50 : 100;
    case 'region':
      return 50;
    case 'postal_code':
      return field === 'SHIPPING' ? 20 : 15;
    case 'country_code':
      return 3;
  }
}

/** The parts of an address, from the value of a field. */
export const addressIn = (value: string | undefined): Partial<Record<AddressPart, string>> =>
  value === undefined ? {} : (JSON.parse(value) as Partial<Record<AddressPart, string>>);
