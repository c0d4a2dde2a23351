import { isStandardField } from '../../../shared/user/contact-fields.ts';
import { CUSTOM_FIELD_TYPES, optionsOf } from '../../../shared/user/custom-field.ts';
import { type Mapping, managedTags } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';

/** Longest name of a tag, custom field or choice, in characters. The API documents no limit: this is the one of its text columns. */
const NAME_MAX = 255;
const DAY_MS = 24 * 60 * 60 * 1000;
/** How many days ahead a user is evaluated: longer than the rules of the default mapping look back. */
const DAYS = 400;

/**
 * Finds problems of the mapping itself: unknown fields, no email, duplicate names, names that are too long, choices without options, a user
 * id without a field, and a consent without a reason.
 */
export function checkNames(mapping: Mapping): string[] {
  const { contact, customFields } = mapping;
  const fields = Object.entries(customFields);
  const choices = Object.values(contact).filter((source) => typeof source === 'object');
  return [
    ...(Object.hasOwn(contact, 'EMAIL1')
      ? []
      : ['contact has no EMAIL1, by which the sync finds the contact of a new user.']),
    ...Object.keys(contact)
      .filter((key) => !isStandardField(key))
      .map((key) => `contact has "${key}", which is not a field of a contact. docs/fields.md lists them.`),
    ...fields
      .filter(([, { type }]) => !CUSTOM_FIELD_TYPES.includes(type))
      .map(
        ([label, { type }]) =>
          `The custom field "${label}" has the unknown type "${type}". Types: ${CUSTOM_FIELD_TYPES.join(', ')}.`,
      ),
    ...duplicates('tags', managedTags(mapping)),
    ...duplicates('custom fields', Object.keys(customFields)),
    ...tooLong([
      ...managedTags(mapping),
      ...Object.keys(customFields),
      ...choices.flatMap(({ names }) => names),
      ...fields.flatMap(([, field]) => optionsOf(field)),
    ]),
    ...fields
      .filter(([, field]) => 'options' in field && field.options.length === 0)
      .map(([label]) => `The custom field "${label}" has no options to choose from.`),
    ...wrongUserIdField(mapping),
    ...withoutReason(mapping),
    ...fields.flatMap(([label, field]) => duplicates(`options of "${label}"`, optionsOf(field))),
    // A list is written as its items, separated by commas.
    ...fields.flatMap(([label, field]) =>
      field.type === 'ListBox'
        ? field.options
            .filter((option) => option.includes(','))
            .map(
              (option) =>
                `The option "${option}" of "${label}" contains a comma, which separates the items of a list.`,
            )
        : [],
    ),
  ];
}

function wrongUserIdField({ userIdField: label, customFields }: Mapping): string[] {
  if (label === undefined || customFields[label]?.type === 'Text') return [];
  return [
    `userIdField names "${label}", which is not a custom field of type Text. Declare it in customFields.`,
  ];
}

/** The CRM requires a reason (v1, `UpdateEmailAddress`). */
function withoutReason({ marketingConsent }: Mapping): string[] {
  if (!marketingConsent) return [];
  return (['optInReason', 'withdrawalReason'] as const)
    .filter((reason) => marketingConsent[reason].trim() === '')
    .map((reason) => `marketingConsent has no ${reason}, which the CRM requires.`);
}

/**
 * Finds problems of the mapping for one user: a function that throws, a tag that its group does not list, a name that its choice does not
 * list, or a tag that changes with time on a day when `isActive` is false, so that the refresh would miss it.
 *
 * @param now epoch milliseconds: the first day on which the user is evaluated.
 */
export function checkUser(mapping: Mapping, user: User, now: number): string[] {
  const failures = functionsOf(mapping).flatMap(([name, evaluate]) =>
    failureOf(name, () => evaluate(user, now)),
  );
  if (failures.length > 0) return failures;
  const { contact_type, lead_source } = mapping.contact;
  const problems = [
    ...unlisted('contact_type', contact_type?.pick(user), contact_type?.names),
    ...unlisted('lead_source', lead_source?.pick(user), lead_source?.names),
  ];
  for (const group of mapping.tagGroups) {
    const tags = Object.keys(group.tags);
    let before = group.pick(user, now);
    problems.push(...unlisted('a tag group', before, tags));
    for (let day = 1; day <= DAYS; day++) {
      const at = now + day * DAY_MS;
      const tag = group.pick(user, at);
      if (tag !== before && !mapping.isActive(user, at)) {
        problems.push(
          `Time alone changes "${before ?? 'no tag'}" to "${tag ?? 'no tag'}", but isActive returns false, so the refresh skips the user.`,
        );
      }
      problems.push(...unlisted('a tag group', tag, tags));
      before = tag;
    }
  }
  return [...new Set(problems)];
}

/** All functions of a mapping, by what they are for. */
function functionsOf(mapping: Mapping): [name: string, evaluate: (user: User, now: number) => unknown][] {
  const { contact, customFields, marketingConsent, tagGroups } = mapping;
  return [
    ...Object.entries(contact).map(([key, source]): [string, (user: User) => unknown] => [
      `The field ${key}`,
      typeof source === 'function' ? source : source.pick,
    ]),
    ...Object.entries(customFields).map(([label, { value }]): [string, (user: User) => unknown] => [
      `The custom field "${label}"`,
      value,
    ]),
    ...tagGroups.map((group): [string, (user: User, now: number) => unknown] => [
      `The group of the tag "${Object.keys(group.tags)[0]}"`,
      onAllDays((user, now) => group.pick(user, now)),
    ]),
    ['marketingConsent', (user) => marketingConsent?.given(user)],
    ['isActive', onAllDays((user, now) => mapping.isActive(user, now))],
  ];
}

/** Evaluates a function of time on each of {@link DAYS} days. */
const onAllDays =
  (evaluate: (user: User, now: number) => unknown) =>
  (user: User, now: number): void => {
    for (let day = 0; day <= DAYS; day++) evaluate(user, now + day * DAY_MS);
  };

function failureOf(name: string, evaluate: () => unknown): string[] {
  try {
    evaluate();
    return [];
  } catch (error) {
    const type = error instanceof Error ? error.name : typeof error;
    return [`${name} throws (${type}) for some users. Only userId is always there: use ?. or a default.`];
  }
}

function duplicates(kind: string, names: readonly string[]): string[] {
  const groups = [...Map.groupBy(names, (name) => name.trim().toLowerCase()).values()];
  return groups
    .filter((same) => same.length > 1)
    .map(
      (same) =>
        `These ${kind} have the same name for the CRM, which ignores case and surrounding spaces: ${same.map((name) => `"${name}"`).join(', ')}.`,
    );
}

function tooLong(names: readonly string[]): string[] {
  return [...new Set(names)]
    .filter((name) => name.trim() === '' || name.length > NAME_MAX)
    .map(
      (name) =>
        `The name "${name.slice(0, 40)}…" has ${name.length} characters: 1 to ${NAME_MAX} are allowed.`,
    );
}

function unlisted(what: string, name: string | undefined, names: readonly string[] = []): string[] {
  if (name === undefined || names.includes(name)) return [];
  return [`${what} returns "${name}", which it does not list.`];
}
