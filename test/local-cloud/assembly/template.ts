import { z } from 'zod';
import { meaningless } from './ignored.ts';
import { TemplateError } from './template-error.ts';

const resourceSchema = z.strictObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DependsOn: meaningless(
    'references give the order of creation; policies, the usual reason, are not enforced',
  ),
  Metadata: meaningless('for tools'),
  DeletionPolicy: meaningless('nothing outlives a run'),
  UpdateReplacePolicy: meaningless('nothing is ever updated'),
});

const outputSchema = z.strictObject({
  Value: z.unknown(),
  Description: meaningless('for people'),
  Export: meaningless('there is no other stack'),
});

const templateSchema = z.strictObject({
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z.record(z.string(), outputSchema).default({}),
  Parameters: z.strictObject({ BootstrapVersion: meaningless('nothing is bootstrapped') }).default({}),
  Rules: z.strictObject({ CheckBootstrapVersion: meaningless('nothing is bootstrapped') }).default({}),
  AWSTemplateFormatVersion: meaningless('there is one'),
  Description: meaningless('for people'),
  Metadata: meaningless('for tools'),
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
