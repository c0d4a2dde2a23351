import { z } from 'zod';
import { TemplateError } from '../assembly/template-error.ts';
import type { CloudServices } from '../cloud-services.ts';

/** What other resources can refer to. */
export interface CreatedResource {
  /** Value of `Ref`. */
  ref: string;
  /** Values of `Fn::GetAtt`. */
  attributes: Readonly<Record<string, string>>;
}

export interface ResourceContext {
  logicalId: string;
  services: CloudServices;
  /** A name for a resource that the template leaves unnamed. */
  physicalName: string;
}

/** How a type of resource comes to be on one machine. */
export interface ResourceType {
  /** Why the properties are not even read, for a type that changes nothing on one machine. */
  ignored?: string;
  /** @param properties with all intrinsic functions resolved. */
  create(properties: unknown, context: ResourceContext): Promise<CreatedResource>;
}

/**
 * A type of resource by the schema of its properties: a strict one, in which each property is either used or marked
 * {@link meaningless}. A property that is in neither group is an error with the resource's logical id.
 */
export function resourceType<Schema extends z.ZodType>(
  schema: Schema,
  create: (properties: z.output<Schema>, context: ResourceContext) => Promise<CreatedResource>,
): ResourceType {
  return {
    create(properties, context) {
      const parsed = schema.safeParse(properties);
      if (parsed.success) return create(parsed.data, context);
      throw new TemplateError(
        context.logicalId,
        `the local cloud cannot do what these properties ask for:\n${z.prettifyError(parsed.error)}`,
      );
    },
  };
}

/** A type of resource that changes nothing on one machine, whatever its properties. */
export function ignoredType(
  reason: string,
  describe: (context: ResourceContext) => CreatedResource = ({ physicalName }) => ({
    ref: physicalName,
    attributes: {},
  }),
): ResourceType {
  return { ignored: reason, create: async (_properties, context) => describe(context) };
}
