import { TemplateError } from '../assembly/template-error.ts';
import type { ResourceContext } from './resource-type.ts';

/** Directory of a file asset of the assembly. @throws TemplateError when there is none of this S3 key. */
export function assetDirectory(key: string, { logicalId, services }: ResourceContext): string {
  const directory = services.assets.get(key);
  if (!directory) throw new TemplateError(logicalId, `the assembly has no asset ${key}`);
  return directory;
}
