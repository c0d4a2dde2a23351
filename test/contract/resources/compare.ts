import type * as z from 'zod/mini';
import type { ListAction, Resource } from '../../../shared/infusionsoft/resources/define-resource.ts';
import { type ContractDocument, type DocumentSchema, type Route, routeName } from './document.ts';
import type { Exceptions } from './exceptions.ts';

/** Properties in the answer of a list that are not its items. `sync_token` belongs to a protocol that is documented only for products. */
const PAGE_PARTS = ['count', 'next', 'previous', 'sync_token'];
const PAGE_PARAMETERS = { offset: ['limit', 'offset'], token: ['page_size', 'page_token'], none: [] };
/** Writes whose body is the resource itself. */
const WHOLE_WRITES = ['create', 'update', 'replace', 'upsert'];

/** A resource, and those nested in it, each with the name that a person gives it. */
export const withNested = (resource: Resource): [name: string, resource: Resource][] => [
  [resource.name, resource],
  ...Object.values(resource.nested ?? {}).map((nested): [string, Resource] => [
    `${resource.name}/${nested.name}`,
    nested,
  ]),
];

/**
 * Compares declarations with the vendor's document: every route, property and query parameter of one has to be in the other, or in the
 * exceptions. An exception that is not needed is a difference as well.
 *
 * @returns the differences, one sentence each.
 */
export function differences(
  resources: readonly Resource[],
  contract: ContractDocument,
  exceptions: Exceptions,
): string[] {
  const used = new Set<string>();
  const excused = (known: Readonly<Record<string, string>>, name: string): boolean => {
    if (!(name in known)) return false;
    used.add(name);
    return true;
  };
  const found: string[] = [];
  const report = (known: Readonly<Record<string, string>>, name: string, what: string) => {
    if (!excused(known, name)) found.push(`${name} ${what}`);
  };

  const all = resources.filter(({ version = 1 }) => version === 1).flatMap(withNested);
  const declared = new Set(all.flatMap(([, resource]) => routesOf(resource)));
  for (const route of contract.routes.keys())
    if (!declared.has(route)) report(exceptions.undeclared, route, 'is not declared');
  for (const route of declared)
    if (!contract.routes.has(route)) report(exceptions.undocumented, route, 'is not in the document');

  const property = (where: string, what: string) => report(exceptions.properties, where, what);
  for (const [name, resource] of all) {
    const { list, get } = resource;
    const listed = list && contract.routes.get(routeName('GET', list.path));
    if (list && listed) {
      compareQuery(name, list, listed, property);
      const items = itemsOf(list, listed, contract, (other) =>
        property(`${name}.${other}`, 'is in the answer of the list, but not declared'),
      );
      if (items) compareType(name, resource.schema(), items, contract, property);
    }
    const single = get && contract.routes.get(routeName('GET', get.path));
    if (single?.answer) compareType(name, resource.getSchema(), single.answer, contract, property);
    compareWrites(name, resource, contract, found);
  }

  const known = { ...exceptions.undeclared, ...exceptions.undocumented, ...exceptions.properties };
  for (const name of Object.keys(known))
    if (!used.has(name)) found.push(`${name} is an exception that is not needed`);
  return found;
}

/** Every route of a resource. */
function routesOf({ list, get, model, writes = {} }: Resource): string[] {
  const reads = [list?.path, get?.path, model].filter((path) => path !== undefined);
  return [
    ...reads.map((path) => routeName('GET', path)),
    ...Object.values(writes).map((write) => {
      const [method = '', path = ''] = write.split(' ');
      return routeName(method, path);
    }),
  ];
}

type Report = (where: string, what: string) => void;

function compareQuery(name: string, list: ListAction, { query }: Route, report: Report): void {
  const declared = [
    ...Object.keys(list.filters ?? {}),
    ...(list.dates ? [list.dates.since, list.dates.until] : []),
    ...(list.optional ? ['optional_properties'] : []),
    ...PAGE_PARAMETERS[list.paging],
  ];
  for (const parameter of query)
    if (!declared.includes(parameter)) report(`${name}?${parameter}`, 'is a parameter that is not declared');
  for (const parameter of declared)
    if (!query.includes(parameter)) report(`${name}?${parameter}`, 'is not in the document');
}

/** The schema of one item; undefined for names by code and for texts, which have none. */
function itemsOf(
  { rows }: ListAction,
  { answer }: Route,
  { resolve }: ContractDocument,
  onOther: (property: string) => void,
): DocumentSchema | undefined {
  const schema = answer && resolve(answer);
  if (rows === 'texts') return undefined;
  if (rows === 'items') return schema?.items ?? {};
  const name = 'in' in rows ? rows.in : rows.codes;
  for (const other of Object.keys(schema?.properties ?? {}))
    if (other !== name && !PAGE_PARTS.includes(other)) onOther(other);
  const list = schema?.properties?.[name];
  if (!list) onOther(name);
  return 'in' in rows ? (list?.items ?? {}) : undefined;
}

type Type = z.core.$ZodType;
interface Def {
  type: string;
  shape?: Record<string, Type>;
  element?: Type;
  innerType?: Type;
}
const defOf = (type: Type): Def => {
  const def = type._zod.def as Def;
  return def.innerType ? defOf(def.innerType) : def;
};
const TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
};

function compareType(
  where: string,
  type: Type,
  documented: DocumentSchema,
  contract: ContractDocument,
  report: Report,
): void {
  const def = defOf(type);
  const schema = contract.resolve(documented);
  if (def.type === 'unknown') return;
  if (def.element) {
    if (schema.type === 'array' && schema.items)
      compareType(where, def.element, schema.items, contract, report);
    else report(where, 'is declared as a list, but is none in the document');
    return;
  }
  if (!def.shape) {
    const expected = TYPES[schema.type ?? ''];
    if (expected !== def.type)
      report(where, `is declared as ${def.type}, but is ${schema.type} in the document`);
    return;
  }
  const properties = schema.properties ?? {};
  for (const name of Object.keys(properties))
    if (!(name in def.shape)) report(`${where}.${name}`, 'is not declared');
  for (const [name, inner] of Object.entries(def.shape)) {
    const other = properties[name];
    if (other) compareType(`${where}.${name}`, inner, other, contract, report);
    else report(`${where}.${name}`, 'is not in the document');
  }
}

/** Which properties no write takes, and which a creation must have. */
function compareWrites(name: string, resource: Resource, contract: ContractDocument, found: string[]): void {
  const bodyOf = (action: string): DocumentSchema | undefined => {
    const [method = '', path = ''] = (resource.writes?.[action] ?? '').split(' ');
    const body = contract.routes.get(routeName(method, path))?.body;
    return body && contract.resolve(body);
  };
  const bodies = WHOLE_WRITES.map(bodyOf).filter((body) => body !== undefined);
  const required = bodyOf('create')?.required ?? [];
  expectSame(`${name}: required properties`, resource.required ?? [], required, found);
  if (bodies.length === 0) return;
  const writable = new Set(bodies.flatMap(({ properties }) => Object.keys(properties ?? {})));
  const readOnly = Object.keys(resource.properties()).filter((each) => !writable.has(each));
  expectSame(`${name}: read-only properties`, resource.readOnly ?? [], readOnly, found);
}

function expectSame(
  what: string,
  declared: readonly string[],
  documented: readonly string[],
  found: string[],
) {
  const [ours, theirs] = [declared.toSorted().join(', '), documented.toSorted().join(', ')];
  if (ours !== theirs) found.push(`${what} are declared as (${ours}), but are (${theirs}) in the document`);
}
