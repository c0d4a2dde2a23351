import { optionsOf } from '../../../shared/user/custom-field.ts';
import { type Mapping, managedTags } from '../../../shared/user/define-mapping.ts';
import type { User } from '../../../shared/user/user.ts';

/** Longest names of tags, custom fields and the like: no contract tells, so it is what a text of the CRM holds, in characters. */
const NAME_MAX = 255;
const DAY_MS = 24 * 60 * 60 * 1000;
/** How far a user is followed into the future, in days: longer than any rule of a mapping looks back. */
const DAYS = 400;

/**
 * What is wrong with a mapping in itself, in words: names that are taken twice or too long, and choices without a name. That a group
 * gives two tags at once cannot be written: `pick` returns one.
 */
export function checkNames(mapping: Mapping): string[] {
  const { contact, customFields } = mapping;
  const fields = Object.entries(customFields);
  const choices = [contact.contact_type, contact.lead_source].filter((choice) => choice !== undefined);
  return [
    ...twice('tag', managedTags(mapping)),
    ...twice('custom field', Object.keys(customFields)),
    ...tooLong([
      ...managedTags(mapping),
      ...Object.keys(customFields),
      ...choices.flatMap(({ names }) => names),
      ...fields.flatMap(([, field]) => optionsOf(field)),
    ]),
    ...fields
      .filter(([, field]) => 'options' in field && field.options.length === 0)
      .map(([label]) => `The custom field "${label}" has no options to choose from.`),
    ...fields.flatMap(([label, field]) => twice(`option of "${label}"`, optionsOf(field))),
    // The items of a list are written with commas between.
    ...fields.flatMap(([label, field]) =>
      field.type === 'ListBox'
        ? field.options
            .filter((option) => option.includes(','))
            .map(
              (option) =>
                `The option "${option}" of "${label}" holds a comma, which separates the items of a list.`,
            )
        : [],
    ),
  ];
}

/**
 * What is wrong with a mapping for one user, in words: a tag that its group does not list, a name that its choice does not list, or a
 * tag that time changes on a day when `isActive` says no, so that no refresh would see it.
 *
 * @param now epoch milliseconds: the first of the days on which the user is looked at.
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
          `Time alone changes "${before ?? 'no tag'}" to "${tag ?? 'no tag'}", but isActive says that no refresh has to look at the user.`,
        );
      }
      problems.push(...unlisted('a tag group', tag, tags));
      before = tag;
    }
  }
  return [...new Set(problems)];
}

function twice(kind: string, names: readonly string[]): string[] {
  const groups = [...Map.groupBy(names, (name) => name.trim().toLowerCase()).values()];
  return groups
    .filter((same) => same.length > 1)
    .map(
      (same) =>
        `The ${kind} ${same.map((name) => `"${name}"`).join(' and ')} is there twice: the CRM reads both as one.`,
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
  return [`${what} gives "${name}", which it does not list.`];
}
