import { readFileSync } from 'node:fs';
import { getHttpOperationsFromSpec } from '@stoplight/prism-http';
import { parse, YAMLParseError } from 'yaml';
import * as z from 'zod';

/** A schema of the document (OpenAPI 3.0, "Schema Object"), as far as the check changes it. */
const schemaSchema = z.looseObject({
  type: z.string().optional(),
  additionalProperties: z.unknown().optional(),
  get properties() {
    return z.record(z.string(), schemaSchema).optional();
  },
  get items() {
    return schemaSchema.optional();
  },
});
export type Schema = z.output<typeof schemaSchema>;

const contentSchema = z.record(z.string(), z.looseObject({ schema: schemaSchema.optional() }));
const operationSchema = z.looseObject({
  deprecated: z.boolean().optional(),
  parameters: z
    .array(z.looseObject({ name: z.string(), in: z.string(), explode: z.boolean().optional() }))
    .optional(),
  requestBody: z.looseObject({ content: contentSchema }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: contentSchema.optional() })),
});
export type OperationObject = z.output<typeof operationSchema>;

const documentSchema = z.looseObject({
  openapi: z.string().regex(/^3\.0\./, 'must be 3.0.x'),
  servers: z.tuple([z.looseObject({ url: z.string() })], z.unknown()),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), schemaSchema) }),
});

/**
 * An OpenAPI document of version 1 of the API. The keys of `paths` are relative to `/crm/rest/v1`, and there are no servers: Prism would
 * compare them with the address of the proxy.
 */
export type ApiDocument = Pick<z.output<typeof documentSchema>, 'openapi' | 'paths' | 'components'>;

/** The document cannot be used for the check. The message says why. */
export class DocumentError extends Error {
  override name = 'DocumentError';
}

/** The base path of version 1 of the API. */
export const BASE_PATH = '/crm/rest/v1';
/** Base paths that a document may have: the document of 2022 leaves the version out. */
const BASE = /^\/crm\/rest(\/v1)?(?=\/(?!v\d+\/))/;

/**
 * Reads an OpenAPI 3.0 document in YAML or JSON.
 *
 * @throws DocumentError if the file cannot be read, or is not a document of version 1 of the API.
 */
export function readDocument(file: string): ApiDocument {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new DocumentError(`Cannot read ${file}`, { cause: error });
  }
  return parseDocument(text);
}

/** @throws DocumentError like {@link readDocument}. */
export function parseDocument(text: string): ApiDocument {
  const result = documentSchema.safeParse(parseYaml(text));
  if (!result.success) throw new DocumentError(`Not a usable document: ${z.prettifyError(result.error)}`);
  const { servers, ...document } = result.data;
  const base = new URL(servers[0].url, 'https://api.infusionsoft.com').pathname.replace(/\/$/, '');
  const paths = Object.entries(document.paths).map(([path, operations]) => {
    const full = base + path;
    if (!BASE.test(full)) throw new DocumentError(`${full} is not a path of version 1 of the API`);
    return [full.replace(BASE, ''), operations] as const;
  });
  return { ...document, paths: Object.fromEntries(paths) };
}

/** JSON is YAML too. */
function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new DocumentError(`Not YAML or JSON: ${error.message}`);
    throw error;
  }
}

/** A method and path of the document, with all references resolved. */
export type Operation = Awaited<ReturnType<typeof getHttpOperationsFromSpec>>[number];

/** All operations of a document. */
export const operationsOf = (document: ApiDocument): Promise<Operation[]> =>
  // As JSON: Prism resolves the references in place.
  getHttpOperationsFromSpec(JSON.parse(JSON.stringify(document)));

/**
 * The operation of a request. A path without placeholders wins: `/contacts/model` is not `/contacts/{contactId}`.
 *
 * @param path relative to `/crm/rest/v1`, without the query.
 */
export function findOperation(
  operations: readonly Operation[],
  method: string,
  path: string,
): Operation | undefined {
  return operations
    .filter((operation) => operation.method.toUpperCase() === method && matches(operation.path, path))
    .sort((a, b) => placeholdersIn(a.path) - placeholdersIn(b.path))[0];
}

const placeholdersIn = (template: string): number => template.split('{').length;

const matches = (template: string, path: string): boolean => {
  const [expected, found] = [template.split('/'), path.split('/')];
  return (
    expected.length === found.length &&
    expected.every((part, index) => (part.startsWith('{') ? found[index] !== '' : part === found[index]))
  );
};
