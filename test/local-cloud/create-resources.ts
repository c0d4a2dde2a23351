import { createHash } from 'node:crypto';
import { ACCOUNT_ID } from './account.ts';
import type { CloudServices } from './cloud-services.ts';
import { type References, resolveValue } from './intrinsics.ts';
import type { CreatedResource } from './resources/resource-type.ts';
import { RESOURCE_TYPES } from './resources/resource-types.ts';
import type { SynthesizedStack } from './template.ts';
import { TemplateError } from './template.ts';

/** Longest name of a function. Queues and tables allow longer ones. */
const MAX_NAME_LENGTH = 64;

/**
 * Creates all resources of a stack, each after the resources that it refers to.
 *
 * @returns outputs of the stack.
 * @throws TemplateError on an unsupported type, property, reference or intrinsic function.
 */
export async function createResources(
  stack: SynthesizedStack,
  services: CloudServices,
): Promise<Record<string, string>> {
  const { Resources, Outputs } = stack.template;
  const created = new Map<string, Promise<CreatedResource>>();

  const ensure = (logicalId: string, referrers: readonly string[]): Promise<CreatedResource> => {
    if (referrers.includes(logicalId))
      throw new TemplateError(logicalId, `circular reference: ${[...referrers, logicalId].join(' → ')}`);
    const creation = created.get(logicalId) ?? create(logicalId, referrers);
    created.set(logicalId, creation);
    return creation;
  };
  const create = async (logicalId: string, referrers: readonly string[]): Promise<CreatedResource> => {
    const resource = Resources[logicalId];
    if (!resource)
      throw new TemplateError(
        referrers.at(-1) ?? logicalId,
        `refers to ${logicalId}, which is not in the template`,
      );
    const type = RESOURCE_TYPES.get(resource.Type);
    if (!type)
      throw new TemplateError(logicalId, `the local cloud does not support the type ${resource.Type}`);
    const properties =
      type.ignored === undefined &&
      (await resolveValue(
        logicalId,
        resource.Properties,
        referencesFrom(logicalId, [...referrers, logicalId]),
      ));
    return type.create(properties, {
      logicalId,
      services,
      physicalName: physicalName(stack.name, logicalId),
    });
  };
  const referencesFrom = (owner: string, referrers: readonly string[]): References => ({
    pseudo: pseudoParameters(stack),
    ref: async (logicalId) => (await ensure(logicalId, referrers)).ref,
    attribute: async (logicalId, name) => {
      const { [name]: value } = (await ensure(logicalId, referrers)).attributes;
      if (value !== undefined) return value;
      throw new TemplateError(
        owner,
        `the local cloud does not support the attribute ${name} of ${logicalId}`,
      );
    },
  });

  for (const logicalId of Object.keys(Resources)) await ensure(logicalId, []);
  const outputs = Object.entries(Outputs).map(async ([name, { Value }]) => {
    const value = await resolveValue(name, Value, referencesFrom(name, []));
    return [name, String(value)] as const;
  });
  return Object.fromEntries(await Promise.all(outputs));
}

function pseudoParameters({ name, region }: SynthesizedStack): ReadonlyMap<string, string> {
  return new Map([
    ['AWS::AccountId', ACCOUNT_ID],
    ['AWS::Partition', 'aws'],
    ['AWS::Region', region],
    ['AWS::StackId', `arn:aws:cloudformation:${region}:${ACCOUNT_ID}:stack/${name}/local`],
    ['AWS::StackName', name],
    ['AWS::URLSuffix', 'amazonaws.com'],
  ]);
}

/** A name like those of CloudFormation: stack and logical id, shortened if necessary. */
function physicalName(stackName: string, logicalId: string): string {
  const name = `${stackName}-${logicalId}`;
  if (name.length <= MAX_NAME_LENGTH) return name;
  const suffix = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${name.slice(0, MAX_NAME_LENGTH - suffix.length - 1)}-${suffix}`;
}
