import { optionsOf } from '../../../shared/user/custom-field.ts';
import { type Mapping, managedTags } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';

/** Longest name of a tag, custom field or choice, in characters. The API documents no limit: this is the one of its text columns. */
const NAME_MAX = 255;
const DAY_MS = 24 * 60 * 60 * 1000;
/** How many days ahead a user is evaluated: longer than any rule of a mapping looks back. */
const DAYS = 400;

/**
 * Finds problems of the mapping itself: duplicate names, names that are too long, choices without options, a user id without a
 * field, and a consent without a reason.
 */
export function checkNames(mapping: Mapping): string[] {
  const { contact, customFields } = mapping;
  const fields = Object.entries(customFields);
  const choices = [contact.contact_type, contact.lead_source].filter((choice) => choice !== undefined);
  return [
    ...duplicates('tag', managedTags(mapping)),
    ...duplicates('custom field', Object.keys(customFields)),
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
    ...fields.flatMap(([label, field]) => duplicates(`option of "${label}"`, optionsOf(field))),
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
 * Finds problems of the mapping for one user: a tag that its group does not list, a name that its choice does not list, or a tag that
 * changes with time on a day when `isActive` is false, so that the refresh would miss it.
 *
 * @param now epoch milliseconds: the first day on which the user is evaluated.
 */
export function checkUser(mapping: Mapping, user: User, now: number): string[] {
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

function duplicates(kind: string, names: readonly string[]): string[] {
  const groups = [...Map.groupBy(names, (name) => name.trim().toLowerCase()).values()];
  return groups
    .filter((same) => same.length > 1)
    .map(
      (same) =>
        `The ${kind} ${same.map((name) => `"${name}"`).join(' and ')} is a duplicate: the CRM ignores case and surrounding spaces.`,
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
