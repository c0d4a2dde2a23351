import type { Resource } from '../../../shared/infusionsoft/resources/define-resource.ts';
import { RESOURCES } from '../../../shared/infusionsoft/resources/index.ts';
import { UsageError } from '../support/command-error.ts';
import { suggest } from './suggest.ts';

/** A resource as a person names it, with the item that a nested resource belongs to. */
export interface NamedResource {
  resource: Resource;
  of?: string;
}

/**
 * Finds a resource by its name, or a nested one by a path.
 *
 * @param text `contacts`, or `contacts/17/tags`.
 * @throws UsageError that suggests similar names.
 */
export function findResource(text: string): NamedResource {
  const [name = '', of, nested, ...more] = text.split('/');
  const resource = RESOURCES.find((each) => each.name === name);
  if (!resource) {
    const names = RESOURCES.map((each) => each.name);
    throw new UsageError(
      `There is no resource ${name}.${suggest(name, names)} "npx --no user-sync crm resources" lists all.`,
    );
  }
  if (of === undefined) return { resource };
  const child = resource.nested?.[nested ?? ''];
  if (!child || of === '' || more.length > 0) {
    const names = Object.keys(resource.nested ?? {}).map((each) => `${name}/ID/${each}`);
    throw new UsageError(
      names.length > 0
        ? `There is no resource ${text}. Nested resources: ${names.join(', ')}.`
        : `There is no resource ${text}. ${name} has no nested resources.`,
    );
  }
  return { resource: child, of };
}

/** The nested resources to read for each item. @throws UsageError for a name that is not a nested list of the resource. */
export function expansionsOf(
  resource: Resource,
  text: string | undefined,
): [name: string, nested: Resource][] {
  const known = Object.entries(resource.nested ?? {}).filter(([, nested]) => nested.list);
  return listOf(text).map((name) => {
    const found = known.find(([each]) => each === name);
    if (found) return found;
    const names = known.map(([each]) => each);
    throw new UsageError(
      `${resource.name} has no nested list ${name}. Nested lists: ${names.join(', ') || 'none'}.`,
    );
  });
}

/** The parts of a list as a person writes it: `a, b`. */
export const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
