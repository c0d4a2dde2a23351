import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type ConfigInput, parseConfig } from '../../infra/config.ts';
import { UserSyncStack } from '../../infra/user-sync-stack.ts';

/** The stack's template with these settings. Its functions are not bundled, which would take seconds. */
export function templateWith(settings: ConfigInput = {}): Template {
  const app = new App({ analyticsReporting: false, context: { 'aws:cdk:bundling-stacks': [] } });
  const config = parseConfig(settings);
  const stack = new UserSyncStack(app, config.stackName, { config });
  return Template.fromStack(stack);
}

/** Resources of a type, by logical id without the hash at its end. */
export function resources(template: Template, type: string): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(template.findResources(type)).map(([id, resource]) => [withoutHash(id), resource]),
  );
}

/** Properties of the one resource of a type whose logical id is `id` and a hash. */
export function properties(template: Template, type: string, id: string): Record<string, unknown> {
  const found = resources(template, type)[id];
  if (!found)
    throw new Error(`No ${type} ${id}; there are ${Object.keys(resources(template, type)).join(', ')}`);
  return found['Properties'] as Record<string, unknown>;
}

/** A value of a template as a person would write it: `UsersTable.Arn` for a Fn::GetAtt. */
export function readable(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = []] = Object.entries(value);
  if (name === 'Ref') return withoutHash(String(argument));
  if (name === 'Fn::GetAtt' && Array.isArray(argument))
    return `${withoutHash(String(argument[0]))}.${argument[1]}`;
  if (name === 'Fn::Join' && Array.isArray(argument) && Array.isArray(argument[1]))
    return argument[1].map(readable).join(String(argument[0]));
  throw new Error(`Not readable: ${JSON.stringify(value)}`);
}

/** Any part of a template with all that refers to something as {@link readable} writes it. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const isReference =
    entries.length === 1 && entries.every(([name]) => name === 'Ref' || name.startsWith('Fn::'));
  return isReference
    ? readable(value)
    : Object.fromEntries(entries.map(([name, item]) => [name, plain(item)]));
}

const withoutHash = (logicalId: string) => logicalId.replace(/[0-9A-F]{8}$/, '');
