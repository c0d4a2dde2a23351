import { readFileSync } from 'node:fs';
import { getHttpOperationsFromSpec } from '@stoplight/prism-http';
import { parse } from 'yaml';
import * as z from 'zod';
import { DocumentError } from '../document.ts';

/** A schema of the document (OpenAPI 3.0, "Schema Object"), as far as the comparison reads it. */
export interface DocumentSchema {
  $ref?: string | undefined;
  type?: string | undefined;
  items?: DocumentSchema | undefined;
  properties?: Record<string, DocumentSchema> | undefined;
  required?: string[] | undefined;
}
const schemaSchema: z.ZodType<DocumentSchema> = z.lazy(() =>
  z.looseObject({
    $ref: z.string().optional(),
    type: z.string().optional(),
    items: schemaSchema.optional(),
    properties: z.record(z.string(), schemaSchema).optional(),
    required: z.array(z.string()).optional(),
  }),
);
const contentSchema = z.record(z.string(), z.looseObject({ schema: schemaSchema.optional() })).optional();
const operationSchema = z.looseObject({
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).default([]),
  requestBody: z.looseObject({ content: contentSchema }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: contentSchema })),
});
type Operation = z.output<typeof operationSchema>;
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), schemaSchema) }),
});

/** One method of one path. */
export interface Route {
  /** Placeholders have no names: `GET contacts/{}/tags`. */
  name: string;
  /** Names of the parameters in the query. */
  query: string[];
  body: DocumentSchema | undefined;
  /** The schema of a success. */
  answer: DocumentSchema | undefined;
}

/** The vendor's document of version 1, as far as the comparison uses it. */
export interface ContractDocument {
  routes: ReadonlyMap<string, Route>;
  /** The schema that a reference names, or the schema itself. */
  resolve(schema: DocumentSchema): DocumentSchema;
  /** The document as JSON, without servers. */
  json: Record<string, unknown>;
}

/** A route as both sides write it. @param path may have named placeholders, and the version in front. */
export const routeName = (method: string, path: string): string =>
  `${method.toUpperCase()} ${path.replace(/^\/?(v1\/)?/, '').replace(/\{\w+\}/g, '{}')}`;

/** @param text YAML or JSON. @throws ZodError if it is no OpenAPI 3.0 document. */
export function readContract(text: string): ContractDocument {
  const { servers: _, ...json } = z.record(z.string(), z.unknown()).parse(parse(text));
  const { paths, components } = documentSchema.parse(json);
  const resolve = (schema: DocumentSchema): DocumentSchema =>
    schema.$ref ? (components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema;
  const schemaIn = (content: Operation['responses'][string]['content']) =>
    Object.values(content ?? {})[0]?.schema;
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters, requestBody, responses }]): [string, Route] => {
      const success = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1];
      const name = routeName(method, path);
      const query = parameters.filter((each) => each.in === 'query').map((each) => each.name);
      return [
        name,
        { name, query, body: schemaIn(requestBody?.content), answer: schemaIn(success?.content) },
      ];
    }),
  );
  return { routes: new Map(routes), resolve, json };
}

/** @throws DocumentError if the file cannot be read, or is no OpenAPI document. */
export function readContractFile(file: string): ContractDocument {
  try {
    return readContract(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new DocumentError(`Cannot read ${file} as an OpenAPI document of version 1`, { cause: error });
  }
}

/** The operations for Prism. */
export const operationsOf = ({ json }: ContractDocument) =>
  getHttpOperationsFromSpec(JSON.parse(JSON.stringify(json)));
