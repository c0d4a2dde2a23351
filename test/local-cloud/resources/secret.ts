import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { arnOf } from '../account.ts';
import { ignored } from '../assembly/ignored.ts';
import { TemplateError } from '../assembly/template-error.ts';
import { resourceType } from './resource-type.ts';

const strength = ignored('a generated value only has to be there');

const properties = z.strictObject({
  Name: z.string().optional(),
  SecretString: z.string().optional(),
  GenerateSecretString: z
    .strictObject({
      SecretStringTemplate: z.string().optional(),
      GenerateStringKey: z.string().optional(),
      PasswordLength: z.number().default(32),
      ExcludeCharacters: strength,
      ExcludeLowercase: strength,
      ExcludeNumbers: strength,
      ExcludePunctuation: strength,
      ExcludeUppercase: strength,
      IncludeSpace: strength,
      RequireEachIncludedType: strength,
    })
    .optional(),
  Description: ignored('for people'),
  KmsKeyId: ignored('data lives in memory'),
  ReplicaRegions: ignored('there is one region'),
  Tags: ignored('no behaviour'),
});

/** `AWS::SecretsManager::Secret`. A value given to the local cloud takes the place of the template's. */
export const secret = resourceType(properties, async (secret, { logicalId, services, physicalName }) => {
  const name = secret.Name ?? physicalName;
  if (services.secrets.find(name))
    throw new TemplateError(logicalId, `a secret named ${name} already exists`);
  const arn = arnOf('secretsmanager', services.region, `secret:${name}-Local0`);
  const value =
    services.overrides.secret(logicalId, name) ??
    secret.SecretString ??
    generate(secret.GenerateSecretString);
  services.secrets.create(name, arn, value);
  return { ref: arn, attributes: { Id: arn } };
});

function generate(rules: z.output<typeof properties>['GenerateSecretString']): string {
  const password = randomBytes(rules?.PasswordLength ?? 32)
    .toString('hex')
    .slice(0, rules?.PasswordLength ?? 32);
  const { SecretStringTemplate, GenerateStringKey } = rules ?? {};
  if (SecretStringTemplate === undefined || GenerateStringKey === undefined) return password;
  const template = z.record(z.string(), z.unknown()).parse(JSON.parse(SecretStringTemplate));
  return JSON.stringify({ ...template, [GenerateStringKey]: password });
}
