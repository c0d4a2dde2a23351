import type { User } from './user.ts';

type Value<Result> = (user: User) => Result | undefined;

interface TextField {
  type:
    | 'Text'
    | 'TextArea'
    | 'Name'
    | 'Email'
    | 'PhoneNumber'
    | 'Website'
    | 'State'
    | 'SocialSecurityNumber'
    /** A day. The time and the offset of a moment are dropped. */
    | 'Date'
    /** A date and time, in ISO 8601. */
    | 'DateTime'
    /** Email of a member of staff. */
    | 'User';
  value: Value<string>;
}

interface NumberField {
  type: 'WholeNumber' | 'DecimalNumber' | 'Currency' | 'Percent' | 'Year' | 'Month' | 'DayOfWeek';
  value: Value<number | string>;
}

interface YesNoField {
  type: 'YesNo';
  value: Value<boolean>;
}

interface ChoiceField {
  type: 'Dropdown' | 'Radio' | 'Drilldown';
  /** All values that `value` may return. */
  options: readonly string[];
  value: Value<string>;
}

interface ListField {
  type: 'ListBox';
  /** All values that `value` may return. */
  options: readonly string[];
  value: Value<readonly string[]>;
}

interface StaffListField {
  type: 'UserListBox';
  /** Emails of members of staff. */
  value: Value<readonly string[]>;
}

/** A custom field of the mapping: its type in the CRM (v1, `CustomFieldMetaData`), and how its value is read. */
export type CustomField = (
  | TextField
  | NumberField
  | YesNoField
  | ChoiceField
  | ListField
  | StaffListField
) & {
  /** A description for docs/catalog.md. */
  about?: string;
};

/** The types of the CRM's custom fields. */
export type CustomFieldType = CustomField['type'];
/** A record, so that the compiler notices a missing type. */
const TYPES: Readonly<Record<CustomFieldType, true>> = {
  Text: true,
  TextArea: true,
  Name: true,
  Email: true,
  PhoneNumber: true,
  Website: true,
  State: true,
  SocialSecurityNumber: true,
  Date: true,
  DateTime: true,
  User: true,
  WholeNumber: true,
  DecimalNumber: true,
  Currency: true,
  Percent: true,
  Year: true,
  Month: true,
  DayOfWeek: true,
  YesNo: true,
  Dropdown: true,
  Radio: true,
  Drilldown: true,
  ListBox: true,
  UserListBox: true,
};
/** All types of custom fields. */
export const CUSTOM_FIELD_TYPES = Object.keys(TYPES) as readonly CustomFieldType[];

/** A custom field's value before normalisation. */
export type CustomValue = string | number | boolean | readonly string[];

/** The options of a field; none for types without options. */
export function optionsOf(field: CustomField): readonly string[] {
  return 'options' in field ? field.options : [];
}
