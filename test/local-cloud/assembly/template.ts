import { z } from 'zod';
import { ignored } from './ignored.ts';
import { TemplateError } from './template-error.ts';

const resourceSchema = z.strictObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DependsOn: ignored('references give the order of creation; policies, the usual reason, are not enforced'),
  Metadata: ignored('for tools'),
  DeletionPolicy: ignored('nothing outlives a run'),
  UpdateReplacePolicy: ignored('nothing is ever updated'),
});

const outputSchema = z.strictObject({
  Value: z.unknown(),
  Description: ignored('for people'),
  Export: ignored('there is no other stack'),
});

const templateSchema = z.strictObject({
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z.record(z.string(), outputSchema).default({}),
  Parameters: z.strictObject({ BootstrapVersion: ignored('nothing is bootstrapped') }).default({}),
  Rules: z.strictObject({ CheckBootstrapVersion: ignored('nothing is bootstrapped') }).default({}),
  AWSTemplateFormatVersion: ignored('there is one'),
  Description: ignored('for people'),
  Metadata: ignored('for tools'),
});

/** The part of a CloudFormation template that the local cloud understands. */
export type Template = z.output<typeof templateSchema>;

/**
 * Lets a template in.
 *
 * @throws TemplateError on conditions, mappings, parameters and anything else that would change what the template means.
 */
export function parseTemplate(template: unknown): Template {
  const parsed = templateSchema.safeParse(template);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [section = 'Template', logicalId] = issue?.path ?? [];
  throw new TemplateError(String(logicalId ?? section), z.prettifyError(parsed.error));
}
