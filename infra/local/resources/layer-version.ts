import { z } from 'zod';
import { arnOf } from '../account.ts';
import { meaningless } from '../assembly/meaningless.ts';
import { assetDirectory } from './asset-directory.ts';
import { resourceType } from './resource-type.ts';

const properties = z.strictObject({
  Content: z.strictObject({ S3Bucket: meaningless('assets are read from the assembly'), S3Key: z.string() }),
  CompatibleArchitectures: meaningless('layers are JavaScript'),
  CompatibleRuntimes: meaningless('the runtime is this Node'),
  Description: meaningless('for people'),
  LayerName: meaningless('for people'),
  LicenseInfo: meaningless('for people'),
});

/** `AWS::Lambda::LayerVersion`: a directory whose files functions find under `/opt`. */
export const layerVersion = resourceType(properties, async ({ Content }, context) => {
  const { services, physicalName } = context;
  const arn = arnOf('lambda', services.region, `layer:${physicalName}:1`);
  services.layers.set(arn, assetDirectory(Content.S3Key, context));
  return { ref: arn, attributes: {} };
});
