import type { ApiDocument, OperationObject, Schema } from './document.ts';

/**
 * Forbids properties that a schema does not list. An OpenAPI validator ignores unknown properties unless the schema forbids them, and the
 * vendor's document never does: a misspelt optional property would pass.
 */
export function closeSchemas(document: ApiDocument): void {
  for (const schema of allSchemas(document)) close(schema);
}

function* allSchemas({ components, paths }: ApiDocument): Iterable<Schema> {
  yield* Object.values(components.schemas);
  for (const operation of Object.values(paths).flatMap(Object.values<OperationObject>)) {
    const bodies = [operation.requestBody, ...Object.values(operation.responses)];
    for (const body of bodies)
      for (const { schema } of Object.values(body?.content ?? {})) if (schema) yield schema;
  }
}

function close(schema: Schema): void {
  const { properties = {}, items } = schema;
  const nested = Object.values(properties);
  // An object without properties allows any content.
  if (nested.length > 0) schema.additionalProperties ??= false;
  for (const each of items ? [...nested, items] : nested) close(each);
}
