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
    /** A day; a time is cut off. */
    | 'Date'
    /** A moment, in ISO 8601. */
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
  /** Everything that `value` may return. */
  options: readonly string[];
  value: Value<string>;
}

interface ListField {
  type: 'ListBox';
  /** Everything that `value` may return. */
  options: readonly string[];
  value: Value<readonly string[]>;
}

interface StaffListField {
  type: 'UserListBox';
  /** Emails of members of staff. */
  value: Value<readonly string[]>;
}

/** A custom field of the mapping: its type in the CRM (v1, `CustomFieldMetaData`), and where its value comes from. */
export type CustomField = (
  | TextField
  | NumberField
  | YesNoField
  | ChoiceField
  | ListField
  | StaffListField
) & {
  /** What it is, in words: for the reference page. */
  about?: string;
};

/** The types of the CRM's custom fields. */
export type CustomFieldType = CustomField['type'];

/** What a custom field may be worth before it is put into the CRM's form. */
export type CustomValue = string | number | boolean | readonly string[];

/** The options of a field that has some. */
export function optionsOf(field: CustomField): readonly string[] {
  return 'options' in field ? field.options : [];
}
