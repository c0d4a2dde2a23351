import { z } from 'zod';
import type { CloudServices } from '../cloud-services.ts';
import { TemplateError } from '../template.ts';

/** Values that other resources can refer to. */
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

/** Creates resources of one type on this machine. */
export interface ResourceType {
  /** Why this type has no effect on this machine. Its properties are not read then. */
  ignored?: string;
  /** @param properties with all intrinsic functions resolved. */
  create(properties: unknown, context: ResourceContext): Promise<CreatedResource>;
}

/**
 * Defines a type by a strict schema of its properties: each property is either used or marked {@link ignored}. Any other
 * property is an error that names the resource.
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
        `the local cloud does not support these properties:\n${z.prettifyError(parsed.error)}`,
      );
    },
  };
}

/** Defines a type that has no effect on this machine. */
export function ignoredType(
  reason: string,
  describe: (context: ResourceContext) => CreatedResource = ({ physicalName }) => ({
    ref: physicalName,
    attributes: {},
  }),
): ResourceType {
  return { ignored: reason, create: async (_properties, context) => describe(context) };
}
