/** Formats that the CRM accepts, by custom field type. A type that is not listed accepts any text. */
const FORMATS: Readonly<Record<string, RegExp>> = {
  Date: /^\d{4}-\d{2}-\d{2}$/,
  DateTime: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/,
  WholeNumber: /^-?\d+$/,
  DecimalNumber: /^-?\d+(\.\d+)?$/,
  Percent: /^-?\d+(\.\d+)?$/,
  Currency: /^-?\d+\.\d{2}$/,
  Year: /^\d{4}$/,
  Month: /^([1-9]|1[0-2])$/,
  DayOfWeek: /^[1-7]$/,
  YesNo: /^[01]$/,
  Email: /^[^@\s]+@[^@\s]+$/,
  Website: /^https?:\/\/\S+$/,
  User: /^\d+$/,
  UserListBox: /^\d+(,\d+)*$/,
};
const MAX_LENGTH: Readonly<Record<string, number>> = { TextArea: 65_000 };
const DEFAULT_MAX_LENGTH = 255;
const CHOICES = new Set(['Dropdown', 'Radio', 'Drilldown']);

/** @returns why the CRM rejects a custom field's content, or undefined if it accepts it. Empty content clears the field. */
export function problemWithContent(
  { fieldType, options }: { fieldType: string; options: readonly string[] },
  content: string,
): string | undefined {
  if (content === '') return undefined;
  if (content.length > (MAX_LENGTH[fieldType] ?? DEFAULT_MAX_LENGTH) && fieldType !== 'ListBox')
    return 'is too long';
  const format = FORMATS[fieldType];
  if (format && !format.test(content)) return `is not a valid ${fieldType}`;
  if (CHOICES.has(fieldType) && !options.includes(content)) return 'is not one of the options';
  if (fieldType === 'ListBox' && !content.split(',').every((item) => options.includes(item)))
    return 'has items that are not options';
  return undefined;
}
