import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { arnOf } from '../account.ts';
import { ignored, TemplateError } from '../template.ts';
import { findFunction } from './function.ts';
import { resourceType } from './resource-type.ts';

const generation = ignored('any generated value will do');

const secretProperties = z.strictObject({
  Name: z.string().optional(),
  SecretString: z.string().optional(),
  GenerateSecretString: z
    .strictObject({
      SecretStringTemplate: z.string().optional(),
      GenerateStringKey: z.string().optional(),
      PasswordLength: z.number().default(32),
      ExcludeCharacters: generation,
      ExcludeLowercase: generation,
      ExcludeNumbers: generation,
      ExcludePunctuation: generation,
      ExcludeUppercase: generation,
      IncludeSpace: generation,
      RequireEachIncludedType: generation,
    })
    .optional(),
  Description: ignored('documentation'),
  KmsKeyId: ignored('nothing is encrypted'),
  ReplicaRegions: ignored('there is one region'),
  Tags: ignored('no effect on behaviour'),
});

/** `AWS::SecretsManager::Secret`. A value given to the local cloud replaces the template's. */
export const secret = resourceType(
  secretProperties,
  async (properties, { logicalId, services, physicalName }) => {
    const name = properties.Name ?? physicalName;
    if (services.secrets.find(name))
      throw new TemplateError(logicalId, `a secret named ${name} already exists`);
    const arn = arnOf('secretsmanager', services.region, `secret:${name}-Local0`);
    const value =
      services.overrides.secret(logicalId, name) ??
      properties.SecretString ??
      generate(properties.GenerateSecretString);
    services.secrets.create(name, arn, value);
    return { ref: arn, attributes: { Id: arn } };
  },
);

function generate(rules: z.output<typeof secretProperties>['GenerateSecretString']): string {
  const length = rules?.PasswordLength ?? 32;
  const password = randomBytes(length).toString('hex').slice(0, length);
  const { SecretStringTemplate, GenerateStringKey } = rules ?? {};
  if (SecretStringTemplate === undefined || GenerateStringKey === undefined) return password;
  const template = z.record(z.string(), z.unknown()).parse(JSON.parse(SecretStringTemplate));
  return JSON.stringify({ ...template, [GenerateStringKey]: password });
}

const rotationProperties = z.strictObject({
  SecretId: z.string(),
  RotationLambdaARN: z.string(),
  RotationRules: ignored('schedules do not fire: call LocalCloud.rotate instead'),
  RotateImmediatelyOnUpdate: z.literal(false),
});

/** `AWS::SecretsManager::RotationSchedule`: the function that rotates a secret when {@link LocalCloud.rotate} is called. */
export const rotationSchedule = resourceType(rotationProperties, async (properties, context) => {
  const { logicalId, services } = context;
  const rotated = services.secrets.find(properties.SecretId);
  if (!rotated) throw new TemplateError(logicalId, `there is no secret ${properties.SecretId}`);
  const rotator = findFunction(properties.RotationLambdaARN, context);
  rotated.rotation = (event) => rotator.invoke(event);
  return { ref: properties.SecretId, attributes: {} };
});
