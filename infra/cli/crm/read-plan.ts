import type * as z from 'zod/mini';
import type { Resource } from '../../../shared/infusionsoft/resources/define-resource.ts';
import type { ResourceReader } from '../../../shared/infusionsoft/resources/reader.ts';
import { type Column, columnsOf, customFieldNames, readable, rootOf, selectColumns } from './columns.ts';
import type { Format } from './formats.ts';
import type { InZone } from './zone.ts';

export interface Shown {
  /** Names of columns that a person asks for; empty for the default ones. */
  fields: readonly string[];
  format: Format;
  /** Names of nested resources that each item gets as a property. */
  expansions: readonly string[];
  zone: InZone | undefined;
}

/** How the items of a resource are read and shown. */
export interface ReadPlan {
  /** Optional properties to request. */
  properties: string[];
  /** Undefined for whole items. */
  columns: Column[] | undefined;
  /** Returns an item as it is shown. */
  show(item: unknown): unknown;
}

/**
 * Decides what to request and to show. Reads the resource's model, with one request, if custom fields or optional properties matter.
 *
 * @param takesOptional whether the request takes `optional_properties`.
 * @throws UsageError for a field that the resource does not have.
 */
export async function planRead(
  reader: ResourceReader,
  resource: Resource,
  schema: z.core.$ZodType,
  takesOptional: boolean,
  { fields, format, expansions, zone }: Shown,
): Promise<ReadPlan> {
  const declared = columnsOf(schema);
  const usual = resource.columns.flatMap((name) => declared.filter((column) => column.name === name));
  const isUsual = (field: string) => usual.some(({ name }) => name === field);
  const showsUsual = format === 'table' && fields.length === 0;
  const needsModel =
    resource.model !== undefined && !showsUsual && !(fields.length > 0 && fields.every(isUsual));
  const model = needsModel
    ? await reader.model(resource)
    : { customFields: [], optionalProperties: [...(resource.optional ?? [])] };
  const names = customFieldNames(
    model,
    declared.map(({ name }) => name),
  );
  const expanded = expansions.map((name): Column => ({ name, path: [name] }));
  const all = [...columnsOf(schema, names.values()), ...expanded];
  const columns =
    fields.length > 0
      ? selectColumns(all, fields)
      : format === 'table'
        ? [...(usual.length > 0 ? usual : declared), ...expanded]
        : format === 'csv'
          ? all
          : undefined;
  const roots = new Set(columns?.map(rootOf));
  const isWanted = (name: string) => (fields.length > 0 ? roots.has(name) : needsModel);
  return {
    properties: takesOptional ? model.optionalProperties.filter(isWanted) : [],
    columns,
    show: (item) => readable(item, schema, names, zone),
  };
}
