import type { FilterType, ListAction } from '../../../shared/infusionsoft/resources/define-resource.ts';
import { UsageError } from '../support/command-error.ts';
import { suggest } from './suggest.ts';

type Value = string | number | boolean;

/**
 * Parses filters as a person writes them. The declaration of the list says which there are, and their types.
 *
 * @param texts `name=value`.
 * @throws UsageError for an unknown filter, or a value that it does not take.
 */
export function parseFilters(texts: readonly string[], { filters = {} }: ListAction): Record<string, Value> {
  const names = Object.keys(filters);
  return Object.fromEntries(
    texts.map((text) => {
      const [name = '', ...rest] = text.split('=');
      const type = filters[name];
      if (type === undefined || rest.length === 0)
        throw new UsageError(
          type === undefined
            ? `There is no filter ${name}.${suggest(name, names)} ${names.length > 0 ? `Filters: ${names.join(', ')}.` : 'It has none.'}`
            : `--filter ${name} needs a value: --filter ${name}=…`,
        );
      return [name, filterValue(name, rest.join('='), type)];
    }),
  );
}

function filterValue(name: string, text: string, type: FilterType): Value {
  if (type === 'text') return text;
  if (type === 'number' && /^-?\d+$/.test(text)) return Number(text);
  if (type === 'flag' && (text === 'true' || text === 'false')) return text === 'true';
  if (typeof type === 'object') {
    const word = type.find((each) => each.toLowerCase() === text.toLowerCase());
    if (word !== undefined) return word;
  }
  const wanted =
    type === 'number'
      ? 'a whole number'
      : type === 'flag'
        ? 'true or false'
        : `one of ${[...type].join(', ')}`;
  throw new UsageError(`The filter ${name} takes ${wanted}, not ${text}.`);
}
