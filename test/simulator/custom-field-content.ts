/** Forms of contents that the CRM refuses to leave, by type of the custom field. Types that are not listed take any text. */
const FORMS: Readonly<Record<string, RegExp>> = {
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
const MAX: Readonly<Record<string, number>> = { TextArea: 65_000 };
const TEXT_MAX = 255;
const CHOICES = new Set(['Dropdown', 'Radio', 'Drilldown']);

/** Why a custom field does not take a content, or undefined when it does. An empty one takes the value away. */
export function problemWithContent(
  { fieldType, options }: { fieldType: string; options: readonly string[] },
  content: string,
): string | undefined {
  if (content === '') return undefined;
  if (content.length > (MAX[fieldType] ?? TEXT_MAX) && fieldType !== 'ListBox') return 'is too long';
  const form = FORMS[fieldType];
  if (form && !form.test(content)) return `is no ${fieldType}`;
  if (CHOICES.has(fieldType) && !options.includes(content)) return 'is not one of the options';
  if (fieldType === 'ListBox' && !content.split(',').every((item) => options.includes(item)))
    return 'has items that are not options';
  return undefined;
}
