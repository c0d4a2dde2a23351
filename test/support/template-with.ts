import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { inject } from 'vitest';
import { type ConfigInput, parseConfig } from '../../infra/config.ts';
import { UserSyncStack } from '../../infra/user-sync-stack.ts';

const templates = new Map<string, Template>();

/** The stack's template with these settings: synthesized once per worker, and the default one once for all of them. */
export function templateWith(settings: ConfigInput = {}): Template {
  const key = JSON.stringify(settings);
  const template = templates.get(key) ?? (key === '{}' ? defaultTemplate() : synthesizedTemplate(settings));
  templates.set(key, template);
  return template;
}

function defaultTemplate(): Template {
  const file = join(inject('assembly'), 'user-sync.template.json');
  return Template.fromJSON(JSON.parse(readFileSync(file, 'utf8')));
}

/** Without bundling its functions, which would take seconds. */
function synthesizedTemplate(settings: ConfigInput): Template {
  const app = new App({ analyticsReporting: false, context: { 'aws:cdk:bundling-stacks': [] } });
  const config = parseConfig(settings);
  const stack = new UserSyncStack(app, config.stackName, { config });
  return Template.fromStack(stack);
}

/** The resources of a type, by logical id without the hash at its end. */
export function resources(template: Template, type: string): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(template.findResources(type)).map(([id, resource]) => [withoutHash(id), resource]),
  );
}

/** The properties of the resource of a type whose logical id is `id` and a hash. */
export function properties(template: Template, type: string, id: string): Record<string, unknown> {
  const ofType = resources(template, type);
  const resource = ofType[id];
  if (!resource) throw new Error(`The template has no ${type} ${id}, only ${Object.keys(ofType).join(', ')}`);
  return resource['Properties'] as Record<string, unknown>;
}

/** A template value as text, for example `UsersTable.Arn` for `{"Fn::GetAtt": ["UsersTableAE96C1C5", "Arn"]}`. */
export function readable(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = []] = Object.entries(value);
  if (name === 'Ref') return withoutHash(String(argument));
  if (name === 'Fn::GetAtt' && Array.isArray(argument))
    return `${withoutHash(String(argument[0]))}.${argument[1]}`;
  if (name === 'Fn::Join' && Array.isArray(argument) && Array.isArray(argument[1]))
    return argument[1].map(readable).join(String(argument[0]));
  throw new Error(`No text for the template value ${JSON.stringify(value)}`);
}

/** A copy of any part of a template, with every reference in it as {@link readable} text. */
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
