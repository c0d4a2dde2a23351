import { z } from 'zod';
import { ignored } from '../assembly/ignored.ts';
import { TemplateError } from '../assembly/template-error.ts';
import { resourceType } from './resource-type.ts';

const properties = z.strictObject({
  SecretId: z.string(),
  RotationLambdaARN: z.string(),
  RotationRules: ignored('nothing fires by itself here: rotate the secret by RotateSecret'),
  RotateImmediatelyOnUpdate: z.literal(false),
});

/** `AWS::SecretsManager::RotationSchedule`: the function that rotates a secret, when it is asked to. */
export const rotationSchedule = resourceType(properties, async (schedule, { logicalId, services }) => {
  const secret = services.secrets.find(schedule.SecretId);
  if (!secret) throw new TemplateError(logicalId, `there is no secret ${schedule.SecretId}`);
  const rotator = [...services.functions.values()].find(({ arn }) => arn === schedule.RotationLambdaARN);
  if (!rotator) throw new TemplateError(logicalId, `there is no function ${schedule.RotationLambdaARN}`);
  secret.rotation = (event) => rotator.invoke(event);
  return { ref: schedule.SecretId, attributes: {} };
});
